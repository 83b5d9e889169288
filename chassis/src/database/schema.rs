//! The schema as a database has it: which migrations are in.

pub(crate) mod ledger;
mod standing;

pub(crate) use self::standing::{Place, Standing, standing};
