//! How a process starts: with its configuration and a runtime, or with the reason why it does not.

use std::{fmt::Display, io::Write, process::ExitCode};

use tokio::runtime::Builder;

use crate::{Outcome, config::Reader};

/// Hands the configuration over, or reports all that is wrong with it.
pub(crate) fn configured<C>(
    read: impl FnOnce(&mut Reader) -> Option<C>,
    run: impl FnOnce(C) -> ExitCode,
) -> ExitCode {
    match Reader::environment().load(read) {
        Ok(config) => run(config),
        Err(error) => complain(&error, 2),
    }
}

/// Runs a process to its end.
pub(crate) fn run(process: impl Future<Output = Outcome>) -> ExitCode {
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
pub(crate) fn complain(error: &impl Display, code: u8) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::from(code)
}
