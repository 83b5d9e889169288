//! One file per verb.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod down;
pub(crate) mod release;
pub(crate) mod releases;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod test;
pub(crate) mod up;

use tokio::runtime::{Builder, Runtime};
use xtask_contract::{Context, Result};

/// The runtime for what waits on sockets and processes. One thread: children ask the system for a signal at
/// the death of the thread that started them, so that thread must be the main one.
pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().doing(|| "starting up")
}
