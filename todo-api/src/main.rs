//! A to-do list over HTTP and PostgreSQL that keeps the twelve factors: configured by its environment, logging to
//! standard output, without state of its own, quick to start and graceful to stop.

mod app;
mod config;
mod database;
mod describe;
mod docs;
mod extract;
mod fields;
mod health;
mod layers;
mod lifecycle;
mod listener;
mod log;
mod migrate;
mod openapi;
mod problem;
mod server;
mod socket;
mod todos;
mod web;

use std::{error::Error, fmt::Display, io::Write, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use crate::config::{MigrateConfig, Reader, WebConfig};

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
    /// Bring the database's schema up to date; safe to run at any time, also twice at once
    Migrate,
    /// Print the processes and environment variables of this service as JSON
    Describe,
}

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Web => configured(WebConfig::read, |config| {
            log::init(config.log_level);
            run(web::run(config))
        }),
        Command::Migrate => configured(MigrateConfig::read, |config| {
            log::init(config.log_level);
            run(migrate::run(config.database))
        }),
        Command::Describe => {
            describe::print().map_or_else(|error| complain(&error, 1), |()| ExitCode::SUCCESS)
        }
    }
}

/// Hands the configuration over, or reports all that is wrong with it.
fn configured<C>(read: fn(&mut Reader) -> Option<C>, run: fn(C) -> ExitCode) -> ExitCode {
    match Reader::environment().load(read) {
        Ok(config) => run(config),
        Err(error) => complain(&error, 2),
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
