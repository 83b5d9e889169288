//! What the service promises, tried on the real binary with a real PostgreSQL.

mod api;
mod check;
mod configuration;
mod cost;
mod crowds;
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
mod origin;
mod page;
mod pooler;
mod purge;
mod seed;
mod shell;
mod stopping;
mod stream;
mod terminal;
mod tls;
mod worker;

use crate::support::{database, needs, process, proxy, server};
