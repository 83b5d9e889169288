//! Handle to a supervised process, which runs in a task set. Dropping it stops the process.

use tokio::sync::{oneshot, watch};
use xtask_contract::{Error, Progress, Result};

use crate::{running::Running, slot::Slot, socket::Claim, task_set::TaskSet};

/// A process that is kept running. Dropped, it is told to stop.
pub(crate) struct ProcessHandle {
    pub(crate) slot: Slot,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
    claim: Option<Claim>,
}

/// Hears whether a process has become ready.
pub(crate) struct Beginning(String, oneshot::Receiver<Result<()>>);

impl ProcessHandle {
    /// Starts a process. If it fails before it was ready, it is not started again.
    pub(crate) fn begin<'a>(
        task_set: &TaskSet<'a>,
        slot: Slot,
        claim: Option<Claim>,
        progress: &'a dyn Progress,
    ) -> (Self, Beginning) {
        let (stop, stopped) = watch::channel(false);
        let (tell_ready, ready) = oneshot::channel();
        let (tell_end, ended) = oneshot::channel();
        let beginning = Beginning(slot.name().to_owned(), ready);
        let kept = slot.clone();
        task_set.begin(async move {
            keep(&kept, stopped, progress, tell_ready).await;
            // Nobody may be waiting for it.
            let _ = tell_end.send(());
        });
        (Self { slot, stop, ended, claim }, beginning)
    }

    /// Keeps a process that is ready already, and as long as it runs whatever else it needs.
    pub(crate) fn adopt<'a>(
        task_set: &TaskSet<'a>,
        slot: Slot,
        running: Running,
        needs: impl Sized + 'a,
        progress: &'a dyn Progress,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (tell_end, ended) = oneshot::channel();
        let kept = slot.clone();
        task_set.begin(async move {
            kept.keep(running, stopped, progress).await;
            drop(needs);
            let _ = tell_end.send(());
        });
        Self { slot, stop, ended, claim: None }
    }

    /// Tells the process to stop.
    pub(crate) fn tell_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Tells the process to stop, and gives what hears of its end.
    pub(crate) fn stop(self) -> impl Future<Output = ()> {
        let Self { stop, ended, claim, .. } = self;
        drop((claim, stop));
        async { ended.await.unwrap_or_default() }
    }
}

async fn keep(
    slot: &Slot,
    mut stop: watch::Receiver<bool>,
    progress: &dyn Progress,
    tell_ready: oneshot::Sender<Result<()>>,
) {
    let mut running = match slot.begin() {
        Ok(running) => running,
        Err(error) => return drop(tell_ready.send(Err(error))),
    };
    let ready = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => None,
        ready = slot.until_ready(&mut running, Some(progress)) => Some(ready),
    };
    match ready {
        Some(Ok(())) => {
            let _ = tell_ready.send(Ok(()));
            slot.keep(running, stop, progress).await;
        }
        // It may have become ready this very moment, and serve: so it is asked to stop, not killed.
        None => slot.end(running, progress).await,
        Some(Err(error)) => {
            slot.end(running, progress).await;
            let _ = tell_ready.send(Err(error));
        }
    }
}

impl Beginning {
    /// Waits until the process is ready.
    pub(crate) async fn ready(self) -> Result<()> {
        let Self(name, ready) = self;
        ready.await.unwrap_or_else(|_| Err(Error::failed(format!("starting {name}"), "it was told to stop")))
    }
}
