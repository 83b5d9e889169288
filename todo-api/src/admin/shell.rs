//! A console over the service's own models: at a terminal for a person, from standard input for a script.

mod console;
mod interrupts;
mod line;
mod output;
mod script;
mod session;
mod show;
mod sql;
mod terminal;
mod todos;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Args;
use tokio::runtime::Builder;

use self::{console::Console, interrupts::Interrupts, output::Output, session::Session};
use crate::config::DatabaseConfig;

/// What may be done.
#[derive(Args)]
pub(crate) struct Shell {
    /// Change things, too: the database refuses it otherwise
    #[arg(long)]
    write: bool,
}

/// Runs until the end of the input or the first error of a script.
pub(crate) fn run(config: DatabaseConfig, Shell { write }: Shell) -> Result<ExitCode, String> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let _inside = runtime.enter();
    let at_terminal = io::stdin().is_terminal();
    let interrupts =
        Interrupts::catch(at_terminal).map_err(|error| format!("cannot catch signals: {error}"))?;
    let session = Session::open(runtime.handle().clone(), config, write, interrupts)?;
    let output = Output::default();
    let console = Console::new(session, output.clone());
    let done = if at_terminal {
        runtime.block_on(terminal::connected()).map_err(|error| format!("cannot catch signals: {error}"))?;
        terminal::run(console)
    } else {
        script::run(console)
    };
    // Does not wait for what hangs.
    runtime.shutdown_background();
    output.end().and(done)
}
