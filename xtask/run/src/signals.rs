//! The signals by which people and machines ask a command to stop.

use tokio::signal::unix::{SignalKind, signal};
use xtask_contract::{Context, Result};

/// Waits for SIGINT (Ctrl-C), SIGTERM or SIGHUP (a terminal that is gone), and tells which it was.
pub async fn interrupted() -> Result<&'static str> {
    let listen = |kind| signal(kind).doing(|| "listening for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    })
}
