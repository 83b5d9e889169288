//! The grammar of `cargo xtask config`.

use clap::{Args, Subcommand};
use xtask_contract::EnvName;

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,

    /// The deploy
    #[arg(long, default_value = "local", global = true)]
    pub(crate) env: EnvName,
}

// What is given here is kept as text: clap repeats what it cannot parse, and it could be a secret.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Print the value of a variable
    #[command(after_help = "Example: cargo xtask config get PORT --env dev")]
    Get {
        /// The variable
        #[arg(value_name = "KEY")]
        name: String,

        /// Print it even if it is a secret
        #[arg(long)]
        reveal: bool,
    },
    /// Set variables, all or none; comments and order are kept
    #[command(
        after_help = "Example: cargo xtask config set LOG_LEVEL=debug DRAIN_DELAY=5s --env dev\n         \
                      cargo xtask config set --secret DATABASE_URL --env prod < url.txt"
    )]
    Set {
        /// The variables and their values
        #[arg(required = true, value_name = "KEY=VALUE")]
        assignments: Vec<String>,

        /// Seal the value of one KEY; it is asked for, or read from standard input
        #[arg(long)]
        secret: bool,
    },
    /// Take variables out, all or none, sealed ones too
    #[command(after_help = "Example: cargo xtask config unset LOG_LEVEL --env dev")]
    Unset {
        /// The variables
        #[arg(required = true, value_name = "KEY")]
        names: Vec<String>,
    },
    /// Edit the deploy's file in $VISUAL or $EDITOR, checked before it is written
    #[command(after_help = "Example: EDITOR='code --wait' cargo xtask config edit --env dev")]
    Edit {
        /// Write without asking
        #[arg(long)]
        yes: bool,
    },
    /// Seal all secrets anew to those whom the deploy's policy.recipients names
    #[command(after_help = "Example: cargo xtask config rekey --env prod")]
    Rekey,
}
