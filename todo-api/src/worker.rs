//! The worker process: tells the webhook of what happened, and of what is due. Any number of workers share the work;
//! what one of them leaves in the middle another takes up.

mod alive;
mod outbox;
mod webhook;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout_at};
use tracing::Instrument;

pub(crate) use self::alive::ask;
use self::outbox::{Event, Outbox};
use crate::{
    Outcome,
    config::WorkerConfig,
    database::{Database, DatabaseError},
    lifecycle::{Lifecycle, Signals},
    supervisor,
    trace::Step,
};
use webhook::Webhook;

/// How long to wait when there is nothing to do.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait when the database does not answer.
const PAUSE_WITHOUT_DATABASE: Duration = Duration::from_secs(1);

/// Works until a signal, then finishes what is under way.
pub(crate) async fn run(config: WorkerConfig) -> Outcome {
    let signals = Signals::catch()?;
    let lifecycle = Lifecycle::new();
    let stopping = lifecycle.clone().follow(signals, Duration::ZERO, config.shutdown_timeout);
    let database = Database::connect_lazily(config.database);
    let pulse = alive::Pulse::start()?;
    let webhook = config.webhook.map(|(url, signer)| Webhook::new(url, signer)).transpose()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), delivers = webhook.is_some(), "working");
    supervisor::ready();

    let outbox = Outbox { database: &database, attempts: config.attempts };
    let mut work = std::pin::pin!(work(&outbox, webhook.as_ref(), &pulse, &lifecycle));
    let deadline = tokio::select! {
        deadline = stopping => deadline,
        () = &mut work => return Ok(()),
    };
    if timeout_at(deadline, work).await.is_err() {
        tracing::warn!("cut off what was not finished in time; it is taken up again");
    }
    let _ = timeout_at(deadline, database.close()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Round after round, until it is time to stop.
async fn work(outbox: &Outbox<'_>, webhook: Option<&Webhook>, pulse: &alive::Pulse, lifecycle: &Lifecycle) {
    while lifecycle.is_serving() {
        pulse.beat();
        let pause = match webhook {
            None => PAUSE_WITHOUT_DATABASE,
            Some(webhook) => match round(outbox, webhook).await {
                Ok(true) => continue,
                Ok(false) => PAUSE,
                Err(error) => {
                    tracing::warn!(reason = %error, "cannot look into the outbox; trying again soon");
                    PAUSE_WITHOUT_DATABASE
                }
            },
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = lifecycle.stopping() => {}
        }
    }
}

/// One round; says whether there may be more to do at once.
async fn round(outbox: &Outbox<'_>, webhook: &Webhook) -> Result<bool, DatabaseError> {
    outbox.remind().await?;
    let events = outbox.claim().await?;
    let full = events.len() >= outbox::BATCH;
    // No two of them are of the same todo.
    join_all(events.iter().map(|event| deliver(outbox, webhook, event))).await;
    Ok(full)
}

async fn deliver(outbox: &Outbox<'_>, webhook: &Webhook, event: &Event) {
    let step = Step::first();
    let (trace_id, span_id) = (step.trace.to_string(), step.span.to_string());
    let span = tracing::error_span!("delivery", event_id = %event.uuid, trace_id, span_id);
    let delivery = async {
        let noted = match webhook.send(event, step).await {
            Ok(()) => {
                tracing::info!(kind = event.kind, attempts = event.attempts, "delivered");
                outbox.delivered(event).await
            }
            Err(reason) => {
                let dead = event.attempts >= outbox.attempts;
                tracing::warn!(kind = event.kind, attempts = event.attempts, reason, dead, "not delivered");
                outbox.failed(event, &reason).await
            }
        };
        if let Err(error) = noted {
            // It is delivered again, which is what at least once means.
            tracing::warn!(reason = %error, "cannot note what became of a delivery");
        }
    };
    delivery.instrument(span).await;
}
