//! Whatever is sent to the service, it is never at a loss: no 5xx, no panic, no end to it, and no more memory.
//!
//! The requests are made from the API's description by schemathesis, which is installed into the target folder. With
//! `XTASK_LONG=1` they are 10,000, or as many as three minutes allow, and 2,000 raw ones; else a few seconds' worth.

mod document;
mod raw;
mod unharmed;

use crate::support::{database, needs, process};
