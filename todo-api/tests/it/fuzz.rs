//! Whatever is sent to the service, it is never at a loss: no 5xx, no panic, no end to it, and no more memory.
//!
//! The requests are made from the API's description by schemathesis, which is installed into the target folder. Where
//! `XTASK_E2E=required` lets nothing be skipped they are 10,000, or as many as three minutes allow, else a few hundred.

mod document;
mod raw;
mod unharmed;

use crate::support::{database, needs, process};
