//! `cargo xtask services`.

use clap::{Args, Subcommand};
use xtask_contract::EnvName;

#[derive(Debug, Args)]
pub(crate) struct Services {
    /// The deploy
    #[arg(long, default_value = "local", global = true)]
    pub(crate) env: EnvName,

    #[command(subcommand)]
    pub(crate) action: Option<ServiceAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceAction {
    /// Start a service of the deploy by itself: its own server, to which it goes back from an attached one, or its log shipper
    ///
    /// What is missing of it is made: password, data, user, database. It stays until `services down` or `down`;
    /// a `run` of the deploy uses it and leaves it running.
    #[command(after_help = "Example: cargo xtask services up postgres")]
    Up {
        /// `postgres` or, for up and down, `logging`
        name: String,
    },
    /// Stop the deploy's own server; data are kept
    #[command(after_help = "Example: cargo xtask services down postgres --env dev")]
    Down {
        /// `postgres` or, for up and down, `logging`
        name: String,

        /// Delete its data, too; what that is, is told, and asked about
        #[arg(long)]
        data: bool,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Point the deploy at another server, from its next release on
    ///
    /// The URL is sealed at once. Its form is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters
    /// in the password percent-encoded.
    #[command(after_help = "Example: cargo xtask services attach postgres --env dev < url.txt")]
    Attach {
        /// `postgres` or, for up and down, `logging`
        name: String,

        /// The server's URL; left out or `-`, it is read from standard input, or asked for at a terminal
        url: Option<String>,
    },
}
