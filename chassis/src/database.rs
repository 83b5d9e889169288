//! PostgreSQL as an attached resource.

mod reason;
mod url;

pub use self::{reason::Reason, url::PostgresUrl};
