//! Metrics of what waits in the outbox.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Unit,
};

use crate::{database::Database, metrics::Metrics};

const OUTBOX: &str = "SELECT count(*) FILTER (WHERE dead_at IS NULL), count(*) FILTER (WHERE dead_at IS NOT NULL), \
     coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL)), 0)::float8 FROM outbox";

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Events {
    state: &'static str,
}

#[derive(Default)]
struct Figures {
    events: Family<Events, Gauge>,
    age: Gauge<f64, AtomicU64>,
}

/// Has the outbox looked into whenever the figures are read.
pub(super) fn register(metrics: &mut Metrics, database: &Database) {
    let figures = Arc::new(Figures::default());
    let registry = metrics.registry();
    registry.register("outbox_events", "Events that are not delivered", figures.events.clone());
    let help = "How long the oldest event has waited that is not given up";
    registry.register_with_unit("outbox_age", help, Unit::Seconds, figures.age.clone());
    let database = database.clone();
    metrics.before_reading(move || {
        let (figures, database) = (figures.clone(), database.clone());
        async move { figures.look(&database).await }
    });
}

impl Figures {
    /// What cannot be known is not told, rather than told wrong.
    async fn look(&self, database: &Database) {
        let found = database.run(async |connection| {
            let row = connection.query_one(OUTBOX, &[]).await?;
            Ok((row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?, row.try_get::<_, f64>(2)?))
        });
        let found = found.await;
        self.events.clear();
        let (waiting, dead, age) = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(reason = %error, "cannot look into the outbox");
                self.age.set(f64::NAN);
                return;
            }
        };
        for (state, count) in [("waiting", waiting), ("dead", dead)] {
            self.events.get_or_create(&Events { state }).set(count);
        }
        self.age.set(age);
    }
}
