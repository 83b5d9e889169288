//! What the service promises, tried on the real binary with a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "service/api.rs"]
mod api;
#[path = "service/configuration.rs"]
mod configuration;
#[path = "service/database.rs"]
mod database;
#[path = "service/documentation.rs"]
mod documentation;
#[path = "service/failures.rs"]
mod failures;
#[path = "service/http.rs"]
mod http;
#[path = "service/input.rs"]
mod input;
#[path = "service/migrations.rs"]
mod migrations;
#[path = "service/observability.rs"]
mod observability;
#[path = "service/process.rs"]
mod process;
#[path = "service/proxy.rs"]
mod proxy;
#[path = "service/stopping.rs"]
mod stopping;
