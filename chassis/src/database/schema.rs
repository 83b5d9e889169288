//! The schema as a database has it: which migrations are in.

pub(crate) mod ledger;
mod status;

pub(crate) use self::status::{Place, SchemaStatus, status};
