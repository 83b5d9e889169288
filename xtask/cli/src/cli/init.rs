//! What takes the toolchain up into a workspace.

use std::path::PathBuf;

use clap::Args;
use xtask_contract::ServiceName;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The workspace's folder, if it is not the one around here
    pub(crate) folder: Option<PathBuf>,

    /// The service's package, where several of the workspace have a program
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<ServiceName>,

    /// Where the toolchain's crates come from: a version, a repository's URL, or a folder with a checkout
    ///
    /// If it is not said, they come from where this program's did.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) toolchain: Option<String>,

    /// One of the toolchain's own files below k8s/, too, such as k8s/objects/web.yaml: to be changed
    #[arg(long, value_name = "FILE")]
    pub(crate) with: Vec<String>,

    /// Show how files that are there differ from what the toolchain would write
    #[arg(long)]
    pub(crate) diff: bool,

    /// Only show what would be written, and end with exit code 5 if anything would
    #[arg(long)]
    pub(crate) dry_run: bool,
}
