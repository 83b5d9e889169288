//! What the service promises when what it stands on fails: tried by making it fail, which takes a while.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod killing;
mod network;
mod outage;
mod server;
mod starting;
#[path = "../support/mod.rs"]
mod support;

use support::{needs, process};
