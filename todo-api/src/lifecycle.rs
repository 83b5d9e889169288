//! The stages of a server's life, and the signals that move it on.

use std::{io, process, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Instant, sleep},
};

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Stage {
    Serving,
    /// No new requests should be sent here any more, but those that come are served.
    Draining,
    /// Only what is under way is finished.
    Stopping,
}

/// Where the server is in its life; every clone sees the same.
#[derive(Clone)]
pub(crate) struct Lifecycle(watch::Sender<Stage>);

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Stage::Serving))
    }

    /// Whether new requests are welcome.
    pub(crate) fn is_serving(&self) -> bool {
        *self.0.borrow() == Stage::Serving
    }

    /// Whether listening is to stop, or has stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.borrow() == Stage::Stopping
    }

    /// Waits until new requests are no longer welcome.
    pub(crate) async fn draining(&self) {
        let _ = self.0.subscribe().wait_for(|stage| *stage != Stage::Serving).await;
    }

    /// Waits until listening is to stop.
    pub(crate) async fn stopping(&self) {
        // Cannot fail: this very clone keeps the channel open.
        let _ = self.0.subscribe().wait_for(|stage| *stage == Stage::Stopping).await;
    }

    /// Waits for a signal to stop, drains, and returns the moment by which everything must be over.
    pub(crate) async fn follow(self, mut signals: Signals, drain: Duration, timeout: Duration) -> Instant {
        let name = signals.next().await;
        let deadline = Instant::now() + timeout;
        tracing::info!(signal = name, "stopping: no new requests, please");
        self.0.send_replace(Stage::Draining);
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::warn!(signal = name, "stopping at once: a second signal");
            process::exit(1);
        });

        sleep(drain.min(timeout)).await;
        self.0.send_replace(Stage::Stopping);
        deadline
    }
}

/// The signals that ask to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals are kept for `next`, instead of ending the process.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
