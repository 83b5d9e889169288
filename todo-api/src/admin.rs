//! One-off processes: in the environment and the release of those that run on, and over when done (factor XII).

mod moment;
mod purge;
mod seed;
mod shell;

use chassis::{OneOff, database::DatabaseConfig, shell::process as console};

/// All of them but `migrate`.
pub(crate) fn all() -> Vec<OneOff> {
    vec![
        OneOff::new(
            "seed",
            "Add a handful of todos to look at; those that are there already are left as they are",
            DatabaseConfig::read_for_one_off,
            seed::seed,
        ),
        OneOff::new(
            "purge",
            "Remove todos that were completed long ago; each can be brought back for a day",
            DatabaseConfig::read_for_one_off,
            purge::purge,
        ),
        console::<shell::Todos>(),
    ]
}

/// What a pool says of a database that does not answer is little.
fn with_advice(error: &str) -> String {
    format!("{error}; `check` tells what is wrong with the database")
}
