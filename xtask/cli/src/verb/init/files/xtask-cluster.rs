//! `cargo xtask` for deploys wherever they are.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask_cluster::run(env!("CARGO_MANIFEST_DIR"))
}
