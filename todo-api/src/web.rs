//! The web process: what is served, and how it starts and stops.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    response::Redirect,
    routing::get,
};
use tokio::{
    net::TcpListener,
    time::{Duration, timeout_at},
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Outcome,
    app::App,
    config::WebConfig,
    database::Database,
    docs, extract, health, layers,
    lifecycle::{Lifecycle, Signals},
    openapi::Api,
    problem::{Kind, Problem},
    server, todos,
};

/// Serves until a signal, then finishes what is under way.
pub(crate) async fn run(config: WebConfig) -> Outcome {
    let signals = Signals::catch()?;
    let listener = TcpListener::bind(config.address)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.address))?;
    let database = Database::connect_lazily(config.database);
    let lifecycle = Lifecycle::new();
    let stopping = lifecycle.clone().follow(signals, config.drain_delay, config.shutdown_timeout);
    let app = App { database: database.clone(), lifecycle: lifecycle.clone() };
    let router = router(app, config.request_timeout);

    let address = listener.local_addr()?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let (connections, deadline) = tokio::join!(server::serve(listener, router, lifecycle), stopping);
    let connections = connections?;
    tracing::info!("stopped listening");

    let cut = server::finish(connections, deadline).await;
    if cut > 0 {
        tracing::warn!(connections = cut, "cut off what was not finished in time");
    }
    // Politeness to the database, no more: its connections end with the process anyway.
    let _ = timeout_at(deadline, database.close()).await;
    tracing::info!("stopped");
    Ok(())
}

/// All routes, with what happens around each of them.
fn router(app: App, request_timeout: Duration) -> Router {
    let lifecycle = app.lifecycle.clone();
    let (router, api) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(health::routes())
        .merge(todos::routes())
        .split_for_parts();
    let router = router
        .merge(docs::routes(&api))
        .route("/", get(async || Redirect::temporary(docs::PAGE)))
        .fallback(async || Problem::new(Kind::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::MethodNotAllowed, "this address takes the methods in Allow")
        })
        .with_state(app);
    surround(router, lifecycle, request_timeout)
}

/// Puts the layers around the routes; the last one is the outermost.
fn surround(router: Router, lifecycle: Lifecycle, request_timeout: Duration) -> Router {
    router
        .layer(DefaultBodyLimit::max(extract::BODY_LIMIT))
        .layer(from_fn_with_state(request_timeout, layers::guard))
        .layer(from_fn_with_state(lifecycle, layers::finish))
        .layer(from_fn(layers::observe))
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
        assert!(response.headers().contains_key("x-request-id"));
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
