//! Whether the head of a request is arriving, and since when: a client must not take forever over it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// What is known of the head that is expected next; every clone sees the same.
#[derive(Clone, Default)]
pub(crate) struct Arrival {
    since: Arc<watch::Sender<Option<Instant>>>,
    /// A request is being answered: what arrives belongs to it, or waits its turn.
    answering: Arc<AtomicBool>,
}

impl Arrival {
    /// Something was read.
    pub(crate) fn heard(&self) {
        if !self.answering.load(Ordering::Relaxed) {
            self.since.send_if_modified(|since| since.is_none() && since.replace(Instant::now()).is_none());
        }
    }

    /// The head is complete.
    pub(crate) fn complete(&self) {
        self.answering.store(true, Ordering::Relaxed);
        self.since.send_replace(None);
    }

    /// Something was written: the answer, or its first part.
    pub(crate) fn answered(&self) {
        self.answering.store(false, Ordering::Relaxed);
    }

    /// Waits until a head takes longer than this. Time between requests does not count.
    pub(crate) async fn overdue(&self, limit: Duration) {
        let mut since = self.since.subscribe();
        loop {
            // Cannot fail: this very value keeps the channel open.
            let Ok(Some(began)) = since.wait_for(Option::is_some).await.map(|since| *since) else { return };
            if timeout_at(began + limit, since.wait_for(|since| *since != Some(began))).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn only_a_head_that_has_begun_can_be_overdue() {
        let arrival = Arrival::default();
        assert!(timeout(3 * LIMIT, arrival.overdue(LIMIT)).await.is_err());
        arrival.heard();
        arrival.complete();
        arrival.heard();
        assert!(timeout(3 * LIMIT, arrival.overdue(LIMIT)).await.is_err(), "a body has a limit of its own");
        arrival.answered();
        arrival.heard();
        arrival.overdue(LIMIT).await;
    }
}
