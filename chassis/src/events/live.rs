//! Changes as one process hears and tells them.

use std::sync::Arc;

use axum::{http::HeaderMap, response::Response};
use prometheus_client::metrics::gauge::Gauge;

use super::{
    announcer::{Announcer, Unknown},
    change::Change,
    hub::Hub,
    listener::{self, Patience},
    quick::Quick,
    stream,
};
use crate::{
    config::{Integer, Need, Reader, Variable},
    database::Database,
    lifecycle::Lifecycle,
    problem::Problem,
    web::Web,
};

const EVENTS_MAX_STREAMS: Variable<Integer<u32>> = Variable::new(
    "EVENTS_MAX_STREAMS",
    Integer::new(0, 100_000),
    Need::Default("750"),
    "how many clients may watch changes through one process at once; no more than three quarters of MAX_CONNECTIONS",
);

/// How many may watch.
pub struct LiveConfig {
    streams: u32,
}

impl LiveConfig {
    /// Reads `EVENTS_MAX_STREAMS`.
    pub fn read(from: &mut Reader) -> Option<Self> {
        from.read(&EVENTS_MAX_STREAMS).map(|streams| Self { streams })
    }
}

/// Where changes are watched, and where they are announced; every clone is the same.
pub struct Live<C: Change>(Arc<Shared<C>>);

/// In one piece, for a clone goes with each request.
struct Shared<C: Change> {
    hub: Hub<C>,
    announcer: Announcer<C>,
    lifecycle: Lifecycle,
    quick: Option<Quick>,
}

impl<C: Change> Clone for Live<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Change> Live<C> {
    /// Begins to hear what is announced, on a connection beside those of the database's pool (see
    /// [`leaving_one`](crate::database::DatabaseConfig::leaving_one)), and to announce by way of the database.
    pub fn start(web: &mut Web, database: &Database, config: &LiveConfig) -> Self {
        // Streams take at most three quarters of the places: clients with other requests must find one.
        let places = usize::try_from(config.streams).unwrap_or(usize::MAX);
        web.holds_open(1);
        let hub = Hub::new(places.min(web.max_connections() * 3 / 4));
        let patience = Patience::with(database.statement_timeout());
        tokio::spawn(listener::follow(database.options(), hub.clone(), patience));
        let announcer = Announcer::start(database.clone());
        let watchers = Gauge::<i64>::default();
        web.metrics().registry().register("event_streams", "Clients who watch changes", watchers.clone());
        let watched = hub.clone();
        web.metrics().before_reading(move || {
            watchers.set(i64::try_from(watched.watchers()).unwrap_or(i64::MAX));
            std::future::ready(())
        });
        // Announces what the last requests changed, to all who still listen.
        let last = announcer.clone();
        web.at_end(async move { drop(last.flush().await) });
        let quick = Quick::of(web.release());
        Self(Arc::new(Shared { hub, announcer, lifecycle: web.lifecycle().clone(), quick }))
    }

    /// To be called before a write: what it did is announced, also when nobody waits for its outcome any more.
    pub fn unknown(&self) -> Unknown<'_, C> {
        self.0.announcer.unknown()
    }

    /// The stream of changes for one who watches, after the event in `Last-Event-ID` if all that came since is known.
    pub fn stream(&self, headers: &HeaderMap) -> Result<Response, Problem> {
        let Shared { hub, lifecycle, quick, .. } = &*self.0;
        stream::of(hub, lifecycle, quick.clone(), headers)
    }
}
