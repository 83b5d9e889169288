//! Changes as they happen, heard and told by one process.

use chassis::{metrics::prometheus_client::metrics::gauge::Gauge, web::Web};

use super::{announcer::Announcer, hub::Hub, listener};
use crate::database::Database;

/// Where changes are watched, and where they are announced; every clone is the same.
#[derive(Clone)]
pub(crate) struct Live {
    pub(super) hub: Hub,
    pub(crate) announcer: Announcer,
}

impl Live {
    /// Begins to hear what the database announces, on a connection of its own, for at most so many who watch.
    pub(crate) fn start(
        web: &mut Web,
        database: &Database,
        streams: usize,
        patience: listener::Patience,
    ) -> Self {
        let hub = Hub::new(streams);
        tokio::spawn(listener::follow(database.options(), hub.clone(), patience));
        let announcer = Announcer::start(database.clone());
        let watchers = Gauge::<i64>::default();
        web.metrics().registry().register("event_streams", "Clients who watch changes", watchers.clone());
        let watched = hub.clone();
        web.metrics().before_reading(move || {
            watchers.set(i64::try_from(watched.watchers()).unwrap_or(i64::MAX));
            std::future::ready(())
        });
        // What the last requests changed; whoever is left to hear it.
        let last = announcer.clone();
        web.at_end(async move { drop(last.flush().await) });
        Self { hub, announcer }
    }
}
