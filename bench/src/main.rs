//! What `cargo xtask bench` measures the service with: it asks, and says what came of it as a line of JSON. A program
//! of its own, compiled with optimisation, so that what asks is not what is measured.

mod bare;
mod client;
mod database;
mod events;
mod figures;
mod load;
mod reminders;
mod same;
mod work;

use std::{error::Error, io::Write, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use tokio::runtime::Builder;

use crate::{client::Address, work::Work};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Asks a service and its database as fast, or as often, as it is told to.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an empty database on the server of `DATABASE_URL`
    Create { name: String },
    /// Fill the database of `DATABASE_URL` with the same todos each time
    Seed,
    /// Fail unless two services answer the same
    Same {
        ours: Address,
        theirs: Address,
        /// This request alone; all of them, also those that are refused, if not given
        #[arg(long)]
        work: Option<Work>,
    },
    /// Ask a service
    Load {
        address: Address,
        #[command(flatten)]
        how: How,
        /// So many requests a second, whether they are answered or not; as fast as it can if not given
        #[arg(long)]
        rate: Option<f64>,
    },
    /// Run the statements that the service runs on the database of `DATABASE_URL`
    Bare {
        #[command(flatten)]
        how: How,
    },
    /// How long it takes from a request to one process to the event in another one's stream
    Events {
        write: Address,
        watch: Address,
        #[arg(long)]
        count: usize,
    },
    /// How long after a todo is due the webhook hears of it
    Reminders {
        address: Address,
        #[arg(long)]
        port: u16,
        #[arg(long)]
        count: usize,
    },
}

/// How much to ask.
#[derive(Args, Clone, Copy)]
struct How {
    #[arg(long)]
    work: Work,
    /// From so many connections
    #[arg(long)]
    connections: usize,
    #[arg(long, value_parser = seconds)]
    seconds: Duration,
}

fn main() -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(Cli::parse().command))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Outcome {
    match command {
        Command::Create { name } => database::create(&database()?, &name).await,
        Command::Seed => database::seed(&database()?).await,
        Command::Same { ours, theirs, work } => same::check(ours, theirs, work).await,
        Command::Load { address, how, rate } => print(&load::run(address, how, rate).await?),
        Command::Bare { how } => print(&bare::run(&database()?, how).await?),
        Command::Events { write, watch, count } => print(&events::run(write, watch, count).await?),
        Command::Reminders { address, port, count } => print(&reminders::run(address, port, count).await?),
    }
}

/// The database's URL, which has a password in it: every user of the machine sees arguments.
fn database() -> Outcome<String> {
    Ok(std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL names no database")?)
}

fn print(figures: &impl Serialize) -> Outcome {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, figures)?;
    Ok(writeln!(out)?)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // Nothing here is meant to go on for long.
    seconds.filter(|span| *span <= Duration::from_mins(1)).ok_or_else(|| "must be 0 to 60 seconds".into())
}
