//! The grammar of `cargo xtask dev`.

use std::time::Duration;

use clap::Args;
use xtask_contract::EnvName;
use xtask_run::Options;

use super::how::duration;

/// The options of `dev`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Dev {
    /// The deploy; its rules must allow what is not committed (`policy.dirty`)
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Run the tests inside the service's package after each change
    #[arg(long)]
    pub(crate) test: bool,

    /// Say of each process of this machine how a debugger is attached to it: for a terminal, and for an editor
    #[arg(long)]
    pub(crate) debugger: bool,

    /// At the end, go back to the release that the deploy was on: on a kind cluster, the last quick build runs on otherwise
    #[arg(long)]
    pub(crate) restore: bool,

    /// How long each process may take to become ready (1m if not given)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) deadline: Option<Duration>,

    /// Write what happens to standard output, as one JSON document in a line for each event
    #[arg(long, conflicts_with = "json")]
    pub(crate) json_events: bool,
}

impl Dev {
    pub(crate) fn options(&self) -> Options {
        let usual = Options::default();
        let deadline = self.deadline.unwrap_or(usual.deadline);
        Options { start: self.deadline.unwrap_or(usual.start), deadline, ..usual }
    }
}
