//! How long a command waits for the `run` that is up.

use std::time::Duration;

use xtask_contract::{EnvName, Error};

/// How long a `run` may neither answer nor end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// What is said when that is over.
pub(crate) fn does_not_answer(env: &EnvName) -> Error {
    let why = format!("the `run` that is up does not answer after {} s", PATIENCE.as_secs());
    Error::failed(format!("asking for a change of {env}"), why)
        .next(format!("stop it with `cargo xtask down --env {env}`, and run the same command again"))
}
