//! A worker process: looks for work, round after round.

mod alive;

use std::{pin::pin, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Level;

pub(crate) use self::alive::ask;
use crate::{
    Identity, Outcome,
    config::Reader,
    lifecycle::{self, Lifecycle, Signals},
    supervisor,
    variables::{LOG_LEVEL, SHUTDOWN_TIMEOUT},
};

/// How long to wait when there is nothing to do.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait when something cannot be done at present.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);

/// A worker process that is being put together.
///
/// Any number of workers share the work; what one of them leaves in the middle another takes up.
pub struct Worker {
    service: Identity,
    tasks: Vec<Task>,
    ends: Vec<BoxFuture<'static, ()>>,
}

type Task = Box<dyn Fn() -> BoxFuture<'static, Result<Found, String>> + Send + Sync>;

/// What a task found to do in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Found {
    /// There may be more to do at once.
    More,
    /// There is nothing more to do for now.
    Nothing,
}

/// The settings of a worker process.
pub(crate) struct WorkerConfig {
    pub(crate) log_level: Level,
    shutdown_timeout: Duration,
}

impl WorkerConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let log_level = from.read(&LOG_LEVEL);
        let shutdown_timeout = from.read(&SHUTDOWN_TIMEOUT);
        Some(Self { log_level: log_level?, shutdown_timeout: shutdown_timeout? })
    }
}

impl Worker {
    /// Whose process it is.
    pub fn service(&self) -> Identity {
        self.service
    }

    /// Has something done in each round: a quarter of a second after the last one, at once if there may be more to do,
    /// and after a second if it failed. A round is finished before the process stops, so it must not take longer than
    /// seconds; after thirty the process counts as stuck.
    pub fn each_round<F>(&mut self, task: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Found, String>> + Send + 'static,
    {
        self.tasks.push(Box::new(move || Box::pin(task())));
    }

    /// Has something done after the last round, for as long as there is time; what was added last is done first.
    pub fn at_end(&mut self, end: impl Future<Output = ()> + Send + 'static) {
        self.ends.push(Box::pin(end));
    }
}

/// Works until a signal, then finishes what is under way.
pub(crate) async fn run(
    service: Identity,
    config: WorkerConfig,
    build: impl FnOnce(&mut Worker) -> Outcome,
) -> Outcome {
    let signals = Signals::catch()?;
    let lifecycle = Lifecycle::new();
    let stopping = lifecycle.clone().follow(signals, Duration::ZERO, config.shutdown_timeout);
    let mut worker = Worker { service, tasks: Vec::new(), ends: Vec::new() };
    build(&mut worker)?;
    let pulse = alive::Pulse::start(service)?;
    tracing::info!(version = service.version(), tasks = worker.tasks.len(), "working");
    supervisor::ready();

    let mut work = pin!(work(&worker.tasks, &pulse, &lifecycle));
    let deadline: Instant = tokio::select! {
        deadline = stopping => deadline,
        () = &mut work => return Ok(()),
    };
    if timeout_at(deadline, work).await.is_err() {
        tracing::warn!("cut off what was not finished in time; it is taken up again");
    }
    lifecycle::end(worker.ends, deadline).await;
    tracing::info!("stopped");
    Ok(())
}

/// Round after round, until it is time to stop.
async fn work(tasks: &[Task], pulse: &alive::Pulse, lifecycle: &Lifecycle) {
    while lifecycle.is_serving() {
        pulse.beat();
        let Some(pause) = round(tasks).await else { continue };
        tokio::select! {
            () = sleep(pause) => {}
            () = lifecycle.stopping() => {}
        }
    }
}

/// Does every task once, and says how long to wait until the next round.
async fn round(tasks: &[Task]) -> Option<Duration> {
    let mut pause = if tasks.is_empty() { PAUSE_AFTER_ERROR } else { PAUSE };
    let mut more = false;
    for task in tasks {
        match task().await {
            Ok(found) => more |= found == Found::More,
            Err(reason) => {
                tracing::warn!(reason, "cannot do everything in this round; trying again soon");
                pause = PAUSE_AFTER_ERROR;
            }
        }
    }
    (!more || pause > PAUSE).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn how_long_the_next_round_waits_depends_on_what_was_found() {
        let more = || Ok(Found::More);
        let nothing = || Ok(Found::Nothing);
        let failed = || Err("it does not answer".to_owned());
        for (tasks, expected) in [
            (&[][..], Some(PAUSE_AFTER_ERROR)),
            (&[nothing as fn() -> _], Some(PAUSE)),
            (&[more, nothing], None),
            (&[nothing, failed], Some(PAUSE_AFTER_ERROR)),
            (&[more, failed], Some(PAUSE_AFTER_ERROR)),
        ] {
            let tasks = tasks.iter().map(|found| -> Task {
                let found = *found;
                Box::new(move || Box::pin(async move { found() }))
            });
            assert_eq!(round(&tasks.collect::<Vec<_>>()).await, expected);
        }
    }
}
