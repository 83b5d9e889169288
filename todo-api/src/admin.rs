//! One-off processes: in the environment and the release of those that run on, and over when done (factor XII).

mod check;
mod moment;
mod purge;
mod seed;
pub(crate) mod shell;

pub(crate) use self::{
    check::check,
    purge::{Purge, purge},
    seed::seed,
};

/// What a pool says of a database that does not answer is little.
fn with_advice(error: &str) -> String {
    format!("{error}; `check` tells what is wrong with the database")
}
