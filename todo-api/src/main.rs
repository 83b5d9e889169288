//! A to-do list over HTTP and PostgreSQL that keeps the twelve factors: configured by its environment, logging to
//! standard output, without state of its own, quick to start and graceful to stop.

mod admin;
mod app;
mod config;
mod database;
mod describe;
mod docs;
mod events;
mod extract;
mod files;
mod health;
mod idempotency;
mod layers;
mod listener;
mod metrics;
mod migrate;
mod openapi;
mod page;
mod server;
mod todos;
mod web;
mod worker;

use std::{error::Error, fmt::Display, io::Write, process::ExitCode};

use chassis::{
    Identity, admission, config::Reader, cors, fields, hosts, lifecycle, log, object, problem, supervisor,
    trace,
};
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;
use tracing::Level;

use crate::{
    admin::moment,
    config::{AdminConfig, WebConfig, WorkerConfig},
    lifecycle::Signals,
};

const SERVICE: Identity = Identity::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

/// A to-do list over HTTP and PostgreSQL.
///
/// Configured by environment variables alone; `todo-api describe` lists them.
#[derive(Parser)]
#[command(version, after_help = "Exit codes: 0 done, 1 failure, 2 bad usage or configuration.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or SIGINT, then finish what is under way
    Web,
    /// Deliver what happens and what is due to the webhook until SIGTERM or SIGINT, then finish what is under way
    Worker {
        /// Instead, ask a worker in this container or on this machine whether it still works: by its process id, or 1
        #[arg(long, value_name = "PROCESS", num_args = 0..=1, default_missing_value = "1")]
        alive: Option<u32>,
    },
    /// Bring the database's schema up to date; safe to run at any time, also twice at once
    Migrate {
        /// Tell which migrations are in and which are to come, and change nothing
        #[arg(long)]
        status: bool,
        /// Go up to this version and no further
        #[arg(long, value_name = "VERSION", value_parser = migrate::known, conflicts_with = "status")]
        to: Option<i64>,
    },
    /// Look at configuration, database, schema, clock and connections, and tell what is wrong and what to do
    Check,
    /// Add a handful of todos to look at; those that are there already are left as they are
    Seed,
    /// Remove todos that were completed long ago; each can be brought back for a day
    Purge {
        /// Remove what was completed before: an age such as 30d or 12h, a date (in UTC) or an RFC 3339 timestamp
        #[arg(long, value_name = "WHEN", value_parser = moment::read)]
        completed_before: DateTime<Utc>,
    },
    /// Try things on the todos and the database, at a console or from a script on standard input
    Shell {
        /// Change things, too: the database refuses it otherwise
        #[arg(long)]
        write: bool,
    },
    /// Print the processes and environment variables of this service as JSON
    Describe,
}

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Web => configured(WebConfig::read, |config| {
            log::init(SERVICE, config.log_level);
            match listener::inherited() {
                Ok(inherited) => run(web::run(config, inherited)),
                Err(error) => complain(&format!("cannot use the socket in LISTEN_FDS: {error}"), 1),
            }
        }),
        Command::Worker { alive: Some(process) } => {
            worker::ask(process).map_or_else(|error| complain(&error, 1), |()| ExitCode::SUCCESS)
        }
        Command::Worker { alive: None } => configured(WorkerConfig::read, |config| {
            log::init(SERVICE, config.log_level);
            run(worker::run(config))
        }),
        Command::Migrate { status: true, .. } => one_off(|config| migrate::status(config.database)),
        Command::Migrate { status: false, to } => one_off(|config| migrate::run(config.database, to)),
        Command::Seed => one_off(|config| admin::seed(config.database)),
        Command::Purge { completed_before } => {
            one_off(move |config| admin::purge(config.database, completed_before))
        }
        Command::Shell { write } => configured(AdminConfig::read, |config| {
            admin::shell::run(config.database, write).unwrap_or_else(|error| complain(&error, 1))
        }),
        Command::Check => {
            // What it tells is its result, and configuration one of the things that it looks at.
            log::init(SERVICE, Level::INFO);
            run(until_signal(admin::check()))
        }
        Command::Describe => {
            describe::print().map_or_else(|error| complain(&error, 1), |()| ExitCode::SUCCESS)
        }
    }
}

/// Hands the configuration over, or reports all that is wrong with it.
fn configured<C>(read: fn(&mut Reader) -> Option<C>, run: impl FnOnce(C) -> ExitCode) -> ExitCode {
    match Reader::environment().load(read) {
        Ok(config) => run(config),
        Err(error) => complain(&error, 2),
    }
}

/// Runs what ends by itself.
fn one_off<F: Future<Output = Outcome>>(process: impl FnOnce(AdminConfig) -> F) -> ExitCode {
    configured(AdminConfig::read, |config| {
        // What it tells is its result.
        log::init(SERVICE, config.log_level.max(Level::INFO));
        run(until_signal(process(config)))
    })
}

/// Gives up what is under way when asked to stop: without its connection the database undoes what is not finished.
/// Nobody else would see to it in a container, whose first process is not ended by signals that it does not catch.
async fn until_signal(process: impl Future<Output = Outcome>) -> Outcome {
    let mut signals = Signals::catch()?;
    tokio::select! {
        done = process => done,
        name = signals.next() => Err(format!("stopped by {name}; the database undoes what was under way").into()),
    }
}

fn run(process: impl Future<Output = Outcome>) -> ExitCode {
    let done = Builder::new_multi_thread().enable_all().build().map_err(Into::into).and_then(|runtime| {
        let done = runtime.block_on(process);
        // Does not wait for a look-up of the database's name that hangs.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// For what goes wrong before there is a log.
fn complain(error: &impl Display, code: u8) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::from(code)
}
