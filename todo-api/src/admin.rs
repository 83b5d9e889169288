//! One-off processes: in the environment and the release of those that run on, and over when done (factor XII).

mod moment;
mod purge;
mod seed;
mod shell;

pub(crate) use self::{purge::purge, seed::seed, shell::Todos as ShellTodos};

/// What a pool says of a database that does not answer is little.
fn with_advice(error: &str) -> String {
    format!("{error}; `check` tells what is wrong with the database")
}
