//! What the worker does: it tells the webhook of what happened, and of what is due.

pub(crate) mod figures;
mod outbox;
mod webhook;

use std::sync::Arc;

use chassis::{
    Outcome,
    trace::Step,
    worker::{Found, Worker},
};
use futures_util::future::join_all;
use tracing::Instrument;

use self::{
    outbox::{Event, Outbox},
    webhook::Webhook,
};
use crate::{
    config::WorkerConfig,
    database::{Database, DatabaseError},
};

/// Looks into the outbox in each round, if there is somebody to tell.
pub(crate) fn build(worker: &mut Worker, config: WorkerConfig) -> Outcome {
    let WorkerConfig { database, webhook, attempts } = config;
    let Some((url, signer)) = webhook else { return Ok(()) };
    let webhook = Webhook::new(url, signer)?;
    let outbox = Outbox { database: Database::connect_lazily(database), attempts };
    let closed = outbox.database.clone();
    worker.at_end(async move { closed.close().await });
    let both = Arc::new((outbox, webhook));
    worker.each_round(move || {
        let both = both.clone();
        async move { round(&both.0, &both.1).await }
    });
    Ok(())
}

/// One round; says whether there may be more to do at once.
async fn round(outbox: &Outbox, webhook: &Webhook) -> Result<Found, String> {
    let failed = |error: DatabaseError| format!("cannot look into the outbox: {error}");
    outbox.remind().await.map_err(failed)?;
    let events = outbox.claim().await.map_err(failed)?;
    // No two of them are of the same todo.
    join_all(events.iter().map(|event| deliver(outbox, webhook, event))).await;
    Ok(if events.len() >= outbox::BATCH { Found::More } else { Found::Nothing })
}

async fn deliver(outbox: &Outbox, webhook: &Webhook, event: &Event) {
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
