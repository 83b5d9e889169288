//! The web process: what is served, and how it starts and stops.

use std::{io, net::SocketAddr};

use axum::{Router, extract::DefaultBodyLimit, http::HeaderValue, middleware::from_fn_with_state};
use tokio::{
    task::JoinSet,
    time::{Duration, timeout_at},
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Outcome,
    admission::{self, Admission},
    app::App,
    config::{DatabaseConfig, WebConfig},
    cors,
    database::Database,
    docs,
    events::{self, Announcer, Hub},
    extract, files,
    health::{self, Readiness},
    hosts::{self, Hosts},
    layers,
    lifecycle::{Lifecycle, Signals},
    listener::Listener,
    metrics::Metrics,
    openapi::{self, Api},
    page,
    problem::{Kind, Problem},
    server::{self, Limits},
    supervisor, todos,
};

/// Serves until a signal, then finishes what is under way.
pub(crate) async fn run(config: WebConfig, inherited: Option<std::net::TcpListener>) -> Outcome {
    let signals = Signals::catch()?;
    let listener = listen(config.address, inherited).await?;
    let metrics_listener = match config.metrics {
        Some(address) => Some(listen(address, None).await?),
        None => None,
    };
    let database_connections = usize::try_from(config.database.max_connections)?;
    let limits = Limits {
        connections: files::allow(config.limits.connections, database_connections),
        ..config.limits
    };
    // One of the connections that the process may hold is the listener's.
    let max_connections = config.database.max_connections - 1;
    let patience = events::Patience::with(config.database.statement_timeout);
    let database = Database::connect_lazily(DatabaseConfig { max_connections, ..config.database });
    let events = Hub::new(config.max_streams);
    tokio::spawn(events::follow(database.options(), events.clone(), patience));
    let announcer = Announcer::start(database.clone());
    let lifecycle = Lifecycle::new();
    let stopping = lifecycle.clone().follow(signals, config.drain_delay, config.shutdown_timeout);
    let metrics = Metrics::new(database.clone(), events.clone(), &config.release);
    let release = HeaderValue::try_from(config.release)?;
    let app = App {
        announcer: announcer.clone(),
        database: database.clone(),
        events,
        lifecycle: lifecycle.clone(),
        readiness: Readiness::default(),
        release,
        body_timeout: config.body_timeout,
    };
    let hosts = Hosts::at(listener.address()?, &config.allowed_hosts);
    let router = router(
        app.clone(),
        hosts,
        config.admission,
        config.cors_origins,
        metrics.clone(),
        config.request_timeout,
    );

    let watched = watch(metrics_listener, metrics, &config.allowed_hosts, lifecycle, limits);
    let served = serve(listener, app, router, limits);
    let (connections, deadline, ()) = tokio::join!(served, stopping, watched);
    let connections = connections?;
    tracing::info!("stopped listening");

    let cut = server::finish(connections, deadline).await;
    if cut > 0 {
        tracing::warn!(connections = cut, "cut off what was not finished in time");
    }
    // What the last requests changed; whoever is left to hear it.
    let _ = timeout_at(deadline, announcer.flush()).await;
    // Politeness to the database, no more: its connections end with the process anyway.
    let _ = timeout_at(deadline, database.close()).await;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(address: SocketAddr, inherited: Option<std::net::TcpListener>) -> Result<Listener, String> {
    let listener = Listener::open(address, inherited).await;
    listener.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Serves the metrics, if anywhere, until listening is to stop.
async fn watch(
    listener: Option<Listener>,
    metrics: Metrics,
    named: &[String],
    lifecycle: Lifecycle,
    limits: Limits,
) {
    let Some(listener) = listener else { return };
    let served = async {
        let address = listener.address()?;
        tracing::info!(%address, "serving metrics");
        let hosts = from_fn_with_state(Hosts::at(address, named), hosts::check);
        server::serve(listener, metrics.routes().layer(hosts), lifecycle, limits).await
    };
    if let Err(error) = served.await {
        tracing::warn!(%error, "stopped serving metrics");
    }
}

/// Serves until listening is to stop. Whoever waits at a socket that others serve, too, is theirs until this process is
/// ready; one of its own answers at once that it is not.
async fn serve(listener: Listener, app: App, router: Router, limits: Limits) -> io::Result<JoinSet<()>> {
    let lifecycle = app.lifecycle.clone();
    let ready = async {
        tokio::select! {
            () = health::ready_first(&app) => supervisor::ready(),
            () = lifecycle.stopping() => {}
        }
    };
    let serving = async |listener: Listener| {
        let address = listener.address()?;
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        server::serve(listener, router.clone(), lifecycle.clone(), limits).await
    };
    if !listener.is_shared() {
        let tell = async {
            if supervisor::is_there() {
                ready.await;
            }
        };
        return tokio::join!(serving(listener), tell).0;
    }
    ready.await;
    if lifecycle.is_stopping() {
        return Ok(JoinSet::new());
    }
    serving(listener).await
}

/// All routes, with what happens around each of them.
fn router(
    app: App,
    hosts: Hosts,
    admission: Admission,
    origins: Vec<HeaderValue>,
    metrics: Metrics,
    request_timeout: Duration,
) -> Router {
    let lifecycle = app.lifecycle.clone();
    let (router, api) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(health::routes())
        // Probes are always let in: a busy process is not to be restarted. Whoever watches holds no place among the
        // requests, but one of its own.
        .merge(todos::routes().layer(from_fn_with_state(admission, admission::admit)))
        .merge(events::routes())
        .split_for_parts();
    let router = router
        .merge(docs::routes(&openapi::close(api)))
        .merge(page::routes())
        .fallback(async || Problem::new(Kind::NOT_FOUND, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::METHOD_NOT_ALLOWED, "this address takes the methods in Allow")
        })
        .with_state(app);
    let router = if origins.is_empty() { router } else { router.layer(cors::layer(origins)) };
    let router = router.layer(from_fn_with_state(hosts, hosts::check));
    surround(router, lifecycle, request_timeout).layer(from_fn_with_state(metrics, layers::observe))
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
