//! What is to be told to others: written into the database in the transaction of the change itself, and delivered by any
//! number of workers, in order, at least once, signed as Standard Webhooks (standardwebhooks.com) says.
//!
//! The service's migrations make the table, whose two columns about the subject have names of their own; triggers or the
//! service itself write into it:
//!
//! ```sql
//! CREATE TABLE outbox (
//!     id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
//!     event_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
//!     pet_id          uuid        NOT NULL, -- events of one subject are delivered in their order
//!     kind            text        NOT NULL,
//!     pet             jsonb       NOT NULL, -- what is told
//!     created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
//!     attempts        integer     NOT NULL DEFAULT 0,
//!     next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
//!     dead_at         timestamptz,          -- given up
//!     last_error      text
//! );
//! CREATE INDEX outbox_next_first ON outbox (next_attempt_at) WHERE dead_at IS NULL;
//! CREATE INDEX outbox_of_pet ON outbox (pet_id, id) WHERE dead_at IS NULL;
//! ```
//!
//! ```
//! use chassis::{
//!     Outcome,
//!     database::{Database, DatabaseConfig},
//!     outbox::{Outbox, OutboxConfig},
//!     worker::Worker,
//! };
//!
//! const OUTBOX: Outbox = Outbox { subject: "pet_id", data: "pet" };
//!
//! fn build(worker: &mut Worker, (database, config): (DatabaseConfig, OutboxConfig)) -> Outcome {
//!     let database = Database::of_worker(worker, database);
//!     OUTBOX.deliver(worker, &database, config)
//! }
//! ```

mod config;
mod figures;
mod kinds;
mod signer;
mod store;
mod webhook;

use std::sync::Arc;

use futures_util::future::join_all;
use tracing::Instrument;

pub use self::config::OutboxConfig;
use self::{
    store::{BATCH, Event, Store},
    webhook::Webhook,
};
use crate::{
    Outcome,
    database::{Database, DatabaseError},
    trace::Step,
    web::Web,
    worker::{Found, Worker},
};

/// The table `outbox`, by its columns that have names of their own.
#[derive(Clone, Copy, Debug)]
pub struct Outbox {
    /// The column with the id of what an event is about.
    pub subject: &'static str,
    /// The column with what is told, as JSON.
    pub data: &'static str,
}

impl Outbox {
    /// Has the outbox looked into whenever a web process's figures are read.
    pub fn observe(self, web: &mut Web, database: &Database) {
        figures::register(web.metrics(), database);
    }

    /// Has a worker deliver what is in there, if there is somebody to tell.
    pub fn deliver(self, worker: &mut Worker, database: &Database, config: OutboxConfig) -> Outcome {
        let OutboxConfig { webhook, attempts } = config;
        let Some((url, signer)) = webhook else { return Ok(()) };
        let webhook = Webhook::new(worker.service(), url, signer)?;
        let both = Arc::new((Store::new(database.clone(), self, attempts), webhook));
        worker.each_round(move || {
            let both = both.clone();
            async move { round(&both.0, &both.1).await }
        });
        Ok(())
    }
}

/// One round; says whether there may be more to do at once.
async fn round(store: &Store, webhook: &Webhook) -> Result<Found, String> {
    let failed = |error: DatabaseError| format!("cannot look into the outbox: {error}");
    let events = store.claim().await.map_err(failed)?;
    // No two of them are of the same subject.
    join_all(events.iter().map(|event| deliver(store, webhook, event))).await;
    Ok(if events.len() >= BATCH { Found::More } else { Found::Nothing })
}

async fn deliver(store: &Store, webhook: &Webhook, event: &Event) {
    let step = Step::first();
    let (trace_id, span_id) = (step.trace.to_string(), step.span.to_string());
    let span = tracing::error_span!("delivery", event_id = %event.uuid, trace_id, span_id);
    let delivery = async {
        let noted = match webhook.send(event, step).await {
            Ok(()) => {
                tracing::info!(kind = event.kind, attempts = event.attempts, "delivered");
                store.delivered(event).await
            }
            Err(reason) => {
                let dead = event.attempts >= store.attempts;
                tracing::warn!(kind = event.kind, attempts = event.attempts, reason, dead, "not delivered");
                store.failed(event, &reason).await
            }
        };
        if let Err(error) = noted {
            // It is delivered again, which is what at least once means.
            tracing::warn!(reason = %error, "cannot note what became of a delivery");
        }
    };
    delivery.instrument(span).await;
}
