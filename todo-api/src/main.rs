//! A to-do list over HTTP and PostgreSQL that keeps the twelve factors: configured by its environment, logging to
//! standard output, without state of its own, quick to start and graceful to stop.

mod admin;
mod app;
mod config;
mod migrations;
mod openapi;
mod page;
mod todos;
mod web;
mod worker;

use std::process::ExitCode;

use chassis::{Example, Identity, Process, Service, database, migrate};
use serde_json::json;

use crate::{
    config::{WebConfig, WorkerConfig},
    migrations::MIGRATIONS,
};

const SERVICE: Identity = Identity::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

fn main() -> ExitCode {
    Service::new(SERVICE, "A to-do list over HTTP and PostgreSQL")
        .process(Process::web("web", "serves the API over HTTP", WebConfig::read, web::build))
        .process(Process::worker(
            "worker",
            "delivers what happens to todos, and what is due, to WEBHOOK_URL",
            WorkerConfig::read,
            worker::build,
        ))
        .migration(migrate::process(MIGRATIONS))
        .check(database::check::of(MIGRATIONS))
        .one_offs(admin::all())
        .example(Example::new("/api/todos", json!({ "title": "{text}" }), "/id", "/api/todos/{id}"))
        .run()
}
