//! All routes of a web process, with what happens around each of them.

use std::time::Duration;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};

use crate::{
    cors, extract,
    health::{self, Health},
    hosts::{self, Hosts},
    layers,
    lifecycle::Lifecycle,
    metrics::Requests,
    problem::{Kind, Problem},
};

/// The routes of a service. With the feature `openapi` they may describe themselves; then the description and a page
/// that shows it are served, too.
pub struct Routes(Inner);

enum Inner {
    Plain(Router),
    #[cfg(feature = "openapi")]
    Described(Box<utoipa_axum::router::OpenApiRouter>),
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self(Inner::Plain(router))
    }
}

#[cfg(feature = "openapi")]
impl From<utoipa_axum::router::OpenApiRouter> for Routes {
    fn from(router: utoipa_axum::router::OpenApiRouter) -> Self {
        Self(Inner::Described(Box::new(router)))
    }
}

impl Routes {
    /// One router of them and of those for probes.
    #[cfg(not(feature = "openapi"))]
    fn with(self, health: Health) -> Router {
        let Self(Inner::Plain(router)) = self;
        router.merge(health::routes().with_state(health))
    }

    /// One router of them and of those for probes.
    #[cfg(feature = "openapi")]
    fn with(self, health: Health) -> Router {
        use utoipa_axum::router::OpenApiRouter;

        let health: OpenApiRouter = health::routes().with_state(health);
        match self.0 {
            Inner::Plain(router) => router.merge(health.split_for_parts().0),
            Inner::Described(described) => {
                let (router, mut api) = described.merge(health).split_for_parts();
                api.merge(crate::openapi::common());
                router.merge(crate::docs::routes(&api))
            }
        }
    }
}

/// What is around the routes.
pub(super) struct Around {
    pub(super) hosts: Hosts,
    pub(super) origins: Vec<axum::http::HeaderValue>,
    pub(super) requests: Requests,
    pub(super) request_timeout: Duration,
}

/// Puts all of it around all routes.
pub(super) fn around(routes: Routes, health: Health, around: Around) -> Router {
    let Around { hosts, origins, requests, request_timeout } = around;
    let lifecycle = health.lifecycle.clone();
    let all = routes
        .with(health)
        .fallback(async || Problem::new(Kind::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::METHOD_NOT_ALLOWED, "this address takes the methods in Allow")
        });
    let all = if origins.is_empty() { all } else { all.layer(cors::layer(origins)) };
    let all = all.layer(from_fn_with_state(hosts, hosts::check));
    surround(all, lifecycle, request_timeout).layer(from_fn_with_state(requests, layers::observe))
}

/// Puts the layers around the routes; the last one is the outermost.
fn surround(router: Router, lifecycle: Lifecycle, request_timeout: Duration) -> Router {
    router
        .layer(DefaultBodyLimit::max(extract::BODY_LIMIT))
        .layer(from_fn_with_state(request_timeout, layers::guard))
        .layer(from_fn_with_state(lifecycle, layers::finish))
}

#[cfg(test)]
mod tests {
    use std::future;

    use axum::{body::Body, extract::Request, http::StatusCode, routing::get};
    use tower::ServiceExt;

    use super::*;

    async fn status(path: &str) -> StatusCode {
        let router = Router::new()
            .route("/panic", get(async || -> () { panic!("on purpose") }))
            .route("/stuck", get(future::pending::<()>));
        let router = surround(router, Lifecycle::new(), Duration::from_millis(20));
        let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        response.status()
    }

    #[tokio::test]
    async fn a_panic_is_answered() {
        assert_eq!(status("/panic").await, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn a_stuck_request_is_answered() {
        assert_eq!(status("/stuck").await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
