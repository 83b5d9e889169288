//! Liveness and readiness probes: by their answers the supervisor or cluster decides whether to restart this process,
//! and whether to send it requests.

mod readiness;

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
};
use tokio::time::sleep;

pub(crate) use self::readiness::{Check, Readiness};
use crate::{
    lifecycle::Lifecycle,
    problem::{Kind, Problem},
};

/// Where to ask whether the process runs.
pub(crate) const LIVENESS: &str = "/livez";

/// Where to ask whether requests are welcome.
pub(crate) const READINESS: &str = "/readyz";

/// Whether this is the path of a probe.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, LIVENESS | READINESS)
}

/// How often to look whether requests are welcome yet: what they wait for does not tell by itself.
const PERIOD: Duration = Duration::from_millis(50);

/// Names the release that answers, so that a rollout knows when the new one is there.
const RELEASE: HeaderName = HeaderName::from_static("x-release");

/// What the answers are made from; every clone is the same.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) readiness: Readiness,
    /// The release that this process belongs to.
    pub(crate) release: HeaderValue,
}

impl Health {
    /// Waits until requests are welcome.
    pub(crate) async fn ready_first(&self) {
        while self.ready().await.is_err() {
            sleep(PERIOD).await;
        }
    }

    async fn ready(&self) -> Result<(), Problem> {
        if !self.lifecycle.is_serving() {
            return Err(Problem::new(Kind::NOT_READY, "the service is stopping"));
        }
        self.readiness.ask().await.map_err(|reason| Problem::new(Kind::NOT_READY, reason))
    }
}

/// The routes for probes.
#[cfg(not(feature = "openapi"))]
pub(crate) fn routes() -> axum::Router<Health> {
    axum::Router::new().route(LIVENESS, axum::routing::get(live)).route(READINESS, axum::routing::get(ready))
}

/// The routes for probes, with their description.
#[cfg(feature = "openapi")]
pub(crate) fn routes() -> utoipa_axum::router::OpenApiRouter<Health> {
    use utoipa_axum::routes;

    utoipa_axum::router::OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Whether the process runs
#[cfg_attr(
    feature = "openapi",
    utoipa::path(get, path = LIVENESS, tag = "health", responses((status = OK, description = "It runs")))
)]
async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether requests are welcome
///
/// They are when all that the service depends on is as this binary needs it, and the process is not stopping.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = READINESS,
        tag = "health",
        responses(
            (
                status = OK,
                description = "They are welcome",
                headers(("x-release" = String, description = "The release that answers"))
            ),
            crate::openapi::Anywhere
        )
    )
)]
async fn ready(State(health): State<Health>) -> Result<[(HeaderName, HeaderValue); 1], Problem> {
    health.ready().await.map(|()| [(RELEASE, health.release)])
}
