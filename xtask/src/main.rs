//! `cargo xtask` for deploys of this machine. It becomes `xtask-cluster` when one on a cluster is touched.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::run(None)
}
