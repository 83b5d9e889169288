//! Metrics for the operator, in Prometheus's text format on a port of their own.
//!
//! ```
//! use chassis::metrics::{Metrics, prometheus_client::metrics::counter::Counter};
//!
//! fn fed(metrics: &mut Metrics) -> Counter {
//!     let fed = Counter::default();
//!     metrics.registry().register("pets_fed", "How many pets were fed", fed.clone());
//!     fed
//! }
//! ```

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{MatchedPath, State},
    http::{Method, header},
    response::IntoResponse,
    routing::get,
};
use futures_util::future::BoxFuture;
pub use prometheus_client;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, prometheus_text},
    metrics::{family::Family, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::{Identity, problem::Problem};

/// Half a millisecond to about ten seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// All figures of one process.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    looks: Vec<Look>,
}

/// Brings a figure up to date that nobody counts along the way.
type Look = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Requests and how long their answers took; every clone counts into the same.
#[derive(Clone)]
pub(crate) struct Requests(Family<Request, Histogram>);

/// None of these comes from the client as it is: there is a bound on how many there are.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: Route,
    status: u16,
}

/// A route as it was declared, or none.
#[derive(Clone, Debug)]
struct Route(Option<MatchedPath>);

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Build {
    version: &'static str,
    release: String,
}

impl Route {
    fn as_str(&self) -> &str {
        self.0.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.as_str().encode(encoder)
    }
}

impl Metrics {
    pub(crate) fn new(service: Identity, release: &str) -> Self {
        let mut registry = Registry::default();
        let build = Build { version: service.version(), release: release.to_owned() };
        registry.register("build", "The version that runs, and its release", Info::new(build));
        let requests = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        registry.register_with_unit(
            "http_request_duration",
            "Requests by route and status, and how long it took until their answers began",
            Unit::Seconds,
            requests.clone(),
        );
        Self { registry, requests: Requests(requests), looks: Vec::new() }
    }

    /// Where a service registers figures of its own.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Has something looked up each time before the figures are read.
    pub fn before_reading<F>(&mut self, look: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.looks.push(Box::new(move || Box::pin(look())));
    }

    pub(crate) fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Where they can be read.
    pub(crate) fn routes(self) -> Router {
        Router::new().route("/metrics", get(read)).with_state(Arc::new(self))
    }
}

impl Requests {
    /// Counts an answer.
    pub(crate) fn answered(&self, method: &Method, route: Option<MatchedPath>, status: u16, took: Duration) {
        let request = Request { method: known(method), route: Route(route), status };
        self.0.get_or_create(&request).observe(took.as_secs_f64());
    }
}

async fn read(State(metrics): State<Arc<Metrics>>) -> Result<impl IntoResponse, Problem> {
    for look in &metrics.looks {
        look().await;
    }
    let mut text = String::new();
    prometheus_text::encode(&mut text, &metrics.registry).map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text))
}

/// Anybody can make up methods, and each would be a figure of its own.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
