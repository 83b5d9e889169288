//! The verbs of the toolchain's own repository: `test` and `bench`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only the checks whose names contain this, such as `local`, or else the tests whose names do
    #[arg(value_name = "NAME")]
    pub(crate) only: Option<String>,

    /// The long checks, too, and each test at its full length
    #[arg(long)]
    pub(crate) all: bool,

    /// Run it up to this many times, until something fails
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repeat: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure; all of it if nothing is named
    #[arg(value_name = "PART")]
    pub(crate) parts: Vec<Part>,

    /// How often each measurement is repeated; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: u32,

    /// Write what was measured to docs/measured.toml, and into the documents that tell it
    #[arg(long)]
    pub(crate) save: bool,
}

/// A part of what `bench` measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Making images
    Build,
    /// Making releases
    Release,
    /// Reading a long ledger
    Ledger,
    /// Showing what processes have written
    Logs,
    /// Starting the service
    Service,
    /// How soon others hear of changes and of what is due
    Events,
    /// Requests to the service
    Requests,
    /// Bringing releases to a kind cluster
    Kind,
    /// From a saved file to the change being served, by `dev`
    Dev,
    /// The first start in a fresh clone, which compiles everything
    Start,
}
