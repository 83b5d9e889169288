//! `cargo xtask` for local deploys. It becomes `xtask-cluster` when a deploy on a cluster is touched.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask_cli::run(env!("CARGO_MANIFEST_DIR"), None)
}
