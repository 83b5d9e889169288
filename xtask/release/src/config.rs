//! A deploy's config, listed and changed. It is what the next release takes: no process that runs notices.

mod assignment;
mod clear;
pub(crate) mod folder;
mod known;
mod list;
mod sealed;
mod text;
mod unset;

use serde::Serialize;

pub use assignment::{Assignment, check_name};
pub use clear::{check, read, replace, set};
pub use list::{Entry, Source, get, list};
pub use sealed::{Rekeyed, rekey, seal};
pub use unset::unset;

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The variables whose values are others now.
    pub variables: Vec<String>,
    /// The files that were written, by their paths in the checkout; none, if all stood so already.
    pub files: Vec<String>,
    /// What is to be said of it, a line each.
    pub notes: Vec<String>,
}
