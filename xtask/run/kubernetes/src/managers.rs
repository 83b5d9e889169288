//! The names under which the toolchain owns fields on a cluster.

/// Whatever a release says.
pub(crate) const MANAGER: &str = "xtask";

/// The number of processes, which no release says.
pub(crate) const SCALE_MANAGER: &str = "xtask-scale";
