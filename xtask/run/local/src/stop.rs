//! The signals that end a `run`.

use tokio::signal::unix::{Signal, SignalKind, signal};
use xtask_contract::{Context, Result};

/// SIGINT (Ctrl-C), SIGTERM or SIGHUP (a terminal that is gone).
pub(crate) struct Stop([Signal; 3]);

impl Stop {
    /// Hears them from now on.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).doing(|| "listening for signals");
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    /// Waits for one of them.
    pub(crate) async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
