//! What the service promises, tried on the real binary with a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "service/api.rs"]
mod api;
#[path = "service/check.rs"]
mod check;
#[path = "service/configuration.rs"]
mod configuration;
#[path = "service/database.rs"]
mod database;
#[path = "service/documentation.rs"]
mod documentation;
#[path = "service/due.rs"]
mod due;
#[path = "service/events.rs"]
mod events;
#[path = "service/failures.rs"]
mod failures;
#[path = "service/handed_down.rs"]
mod handed_down;
#[path = "service/http.rs"]
mod http;
#[path = "service/idempotency.rs"]
mod idempotency;
#[path = "service/input.rs"]
mod input;
#[path = "service/limits.rs"]
mod limits;
#[path = "service/migrations.rs"]
mod migrations;
#[path = "service/observability.rs"]
mod observability;
#[path = "service/page.rs"]
mod page;
#[path = "service/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
#[path = "service/proxy.rs"]
mod proxy;
#[path = "service/purge.rs"]
mod purge;
#[path = "service/seed.rs"]
mod seed;
#[path = "service/shell.rs"]
mod shell;
#[path = "service/stopping.rs"]
mod stopping;
#[path = "service/terminal.rs"]
mod terminal;
#[path = "service/worker.rs"]
mod worker;
