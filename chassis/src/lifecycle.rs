//! The stages of a server's life, and the signals that move it on.

use std::{
    io, process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Instant, sleep, timeout_at},
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
pub struct Lifecycle {
    stage: watch::Sender<Stage>,
    /// How many requests came although they are no longer welcome.
    late: Arc<AtomicUsize>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A server that serves.
    pub fn new() -> Self {
        Self { stage: watch::Sender::new(Stage::Serving), late: Arc::default() }
    }

    /// Whether new requests are welcome.
    pub fn is_serving(&self) -> bool {
        *self.stage.borrow() == Stage::Serving
    }

    /// Whether listening is to stop, or has stopped.
    pub fn is_stopping(&self) -> bool {
        *self.stage.borrow() == Stage::Stopping
    }

    /// Waits until new requests are no longer welcome.
    pub async fn draining(&self) {
        let _ = self.stage.subscribe().wait_for(|stage| *stage != Stage::Serving).await;
    }

    /// Waits until listening is to stop.
    pub async fn stopping(&self) {
        // Cannot fail: this very clone keeps the channel open.
        let _ = self.stage.subscribe().wait_for(|stage| *stage == Stage::Stopping).await;
    }

    /// Counts a request that came although they are no longer welcome: its client or proxy has not noticed yet.
    pub fn heard_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for a signal to stop, drains, and returns the moment by which everything must be over.
    pub async fn follow(self, mut signals: Signals, drain: Duration, timeout: Duration) -> Instant {
        let name = signals.next().await;
        let deadline = Instant::now() + timeout;
        self.stage.send_replace(Stage::Draining);
        tracing::info!(signal = name, "stopping: no new requests, please");
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::warn!(signal = name, "stopping at once: a second signal");
            process::exit(1);
        });

        self.drain(drain, timeout).await;
        self.stage.send_replace(Stage::Stopping);
        deadline
    }

    /// Waits for as long as this, and then until no request has come for a third of that: on a busy cluster it may take
    /// longer until none is sent here any more. At most three times as long, and for no more than half of the time-out.
    async fn drain(&self, drain: Duration, timeout: Duration) {
        let drain = drain.min(timeout);
        let quiet = drain / 3;
        let longest = Instant::now() + (3 * drain).min(timeout / 2);
        sleep(2 * quiet).await;
        loop {
            let before = self.late.load(Ordering::Relaxed);
            sleep(quiet).await;
            if self.late.load(Ordering::Relaxed) == before || Instant::now() + quiet > longest {
                return;
            }
        }
    }
}

/// The signals that ask to stop.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals are kept for `next`, instead of ending the process.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one, and says its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Does what is left to do, the last that was added first, until the deadline.
pub(crate) async fn end(ends: Vec<BoxFuture<'static, ()>>, deadline: Instant) {
    for end in ends.into_iter().rev() {
        let _ = timeout_at(deadline, end).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// How long a server drains to which requests come for as long as this.
    async fn drains(drain: Duration, timeout: Duration, busy: Duration) -> Duration {
        let (lifecycle, begun) = (Lifecycle::new(), Instant::now());
        let requests = async {
            while begun.elapsed() < busy {
                lifecycle.heard_late();
                sleep(Duration::from_millis(1)).await;
            }
        };
        let draining = async {
            lifecycle.drain(drain, timeout).await;
            begun.elapsed()
        };
        tokio::join!(draining, requests).0
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_goes_on_while_requests_come_but_not_for_ever() {
        let drain = Duration::from_millis(150);
        assert!(drains(Duration::ZERO, MINUTE, Duration::ZERO).await < drain);
        let (quiet, late) = tokio::join!(drains(drain, MINUTE, drain / 2), drains(drain, MINUTE, 2 * drain));
        assert!(quiet >= drain && quiet < late, "{quiet:?} {late:?}");
        assert!(late >= 2 * drain, "{late:?}");
        let (always, short) = tokio::join!(drains(drain, MINUTE, 9 * drain), drains(drain, drain, 3 * drain));
        assert!((2 * drain..9 * drain).contains(&always), "{always:?}");
        assert!(short < 3 * drain, "{short:?}");
        let in_time = drains(9 * drain, drain, Duration::ZERO).await;
        assert!((drain / 2..3 * drain).contains(&in_time), "{in_time:?}");
    }
}
