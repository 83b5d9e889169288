//! A to-do list over HTTP and PostgreSQL that keeps the twelve factors: configured by its environment, logging to
//! standard output, without state of its own, quick to start and graceful to stop.

mod admin;
mod app;
mod config;
mod database;
mod events;
mod idempotency;
mod migrate;
mod openapi;
mod page;
mod todos;
mod web;
mod worker;

use std::process::ExitCode;

use chassis::{Identity, OneOff, Process, Service};

use crate::config::{DatabaseConfig, WebConfig, WorkerConfig};

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
        .migration(OneOff::new(
            "migrate",
            "Bring the database's schema up to date; safe to run at any time, also twice at once",
            DatabaseConfig::read_for_one_off,
            migrate::process,
        ))
        .check(|_| admin::check())
        .one_off(OneOff::new(
            "seed",
            "Add a handful of todos to look at; those that are there already are left as they are",
            DatabaseConfig::read_for_one_off,
            async |_, (), database| admin::seed(database).await,
        ))
        .one_off(OneOff::new(
            "purge",
            "Remove todos that were completed long ago; each can be brought back for a day",
            DatabaseConfig::read_for_one_off,
            async |_, arguments: admin::Purge, database| admin::purge(database, arguments).await,
        ))
        .one_off(OneOff::interactive(
            "shell",
            "Try things on the todos and the database, at a console or from a script on standard input",
            DatabaseConfig::read_for_one_off,
            |_, arguments: admin::shell::Shell, database| admin::shell::run(database, arguments),
        ))
        .run()
}
