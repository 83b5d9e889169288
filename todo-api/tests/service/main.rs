//! What the service promises, tried on the real binary with a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod check;
mod configuration;
mod cost;
mod documentation;
mod due;
mod events;
mod failures;
mod handed_down;
mod http;
mod idempotency;
mod input;
mod limits;
mod migrations;
mod observability;
mod page;
mod purge;
mod seed;
mod shell;
mod stopping;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod worker;

use support::{database, process, proxy};
