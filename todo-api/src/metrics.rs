//! Figures for whoever watches the process, in Prometheus's text format on a port of their own.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{Method, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::{database::Database, events::Hub, problem::Problem};

/// Half a millisecond to about ten seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const OUTBOX: &str = "SELECT count(*) FILTER (WHERE dead_at IS NULL), count(*) FILTER (WHERE dead_at IS NOT NULL), \
     coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL)), 0)::float8 FROM outbox";

/// What is counted; every clone counts into the same.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Request, Histogram>,
    connections: Family<Connections, Gauge>,
    streams: Gauge,
    outbox: Family<Events, Gauge>,
    outbox_age: Gauge<f64, AtomicU64>,
    database: Database,
    events: Hub,
}

/// None of these comes from the client as it is: there is a bound on how many there are.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Connections {
    state: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Events {
    state: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Build {
    version: &'static str,
    release: String,
}

impl Metrics {
    pub(crate) fn new(database: Database, events: Hub, release: &str) -> Self {
        let mut registry = Registry::default();
        let build = Build { version: env!("CARGO_PKG_VERSION"), release: release.to_owned() };
        registry.register("build", "The version that runs, and its release", Info::new(build));
        let requests = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        registry.register_with_unit(
            "http_request_duration",
            "Requests by route and status, and how long it took until their answers began",
            Unit::Seconds,
            requests.clone(),
        );
        let connections = Family::default();
        registry.register(
            "database_connections",
            "Connections to the database for requests",
            connections.clone(),
        );
        let limit = Gauge::<i64>::default();
        limit.set(database.max_connections().into());
        registry.register("database_connections_max", "How many there may be at once", limit);
        let streams = Gauge::default();
        registry.register("event_streams", "Clients who watch changes", streams.clone());
        let outbox = Family::default();
        registry.register("outbox_events", "Events that are not delivered", outbox.clone());
        let outbox_age = Gauge::default();
        let help = "How long the oldest event has waited that is not given up";
        registry.register_with_unit("outbox_age", help, Unit::Seconds, outbox_age.clone());
        Self {
            registry: Arc::new(registry),
            requests,
            connections,
            streams,
            outbox,
            outbox_age,
            database,
            events,
        }
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let request = Request { method: known(method), route: route.to_owned(), status };
        self.requests.get_or_create(&request).observe(took.as_secs_f64());
    }

    /// Looks into the outbox. What cannot be known is not told, rather than told wrong.
    async fn look_into_outbox(&self) {
        let query = sqlx::query_as::<_, (i64, i64, f64)>(OUTBOX);
        let found = self.database.run(async |connection| query.fetch_one(connection).await).await;
        self.outbox.clear();
        let (waiting, dead, age) = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(reason = %error, "cannot look into the outbox");
                self.outbox_age.set(f64::NAN);
                return;
            }
        };
        for (state, count) in [("waiting", waiting), ("dead", dead)] {
            self.outbox.get_or_create(&Events { state }).set(count);
        }
        self.outbox_age.set(age);
    }

    /// Where they can be read.
    pub(crate) fn routes(self) -> Router {
        Router::new().route("/metrics", get(read)).with_state(self)
    }
}

async fn read(State(metrics): State<Metrics>) -> Result<impl IntoResponse, Problem> {
    metrics.look_into_outbox().await;
    let (all, idle) = metrics.database.connections();
    for (state, count) in [("idle", idle), ("used", all - idle)] {
        metrics.connections.get_or_create(&Connections { state }).set(count);
    }
    metrics.streams.set(i64::try_from(metrics.events.watchers()).unwrap_or(i64::MAX));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &metrics.registry).map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text))
}

/// Anybody can make up methods, and each would be a figure of its own.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
