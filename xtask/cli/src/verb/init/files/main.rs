//! `cargo xtask` for deploys of this machine. It becomes `xtask-cluster` when one on a cluster is touched.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask_cli::run(env!("CARGO_MANIFEST_DIR"), None)
}
