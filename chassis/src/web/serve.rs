//! How a web process starts, serves and stops.

use std::{io, net::SocketAddr};

use axum::{Router, http::HeaderValue, middleware::from_fn_with_state};
use tokio::task::JoinSet;

use super::{Routes, Web, WebConfig, router};
use crate::{
    Identity, Outcome,
    common::CommonHeaders,
    files,
    health::{Health, Readiness},
    hosts::{self, Hosts},
    layers::Layers,
    lifecycle::{self, Lifecycle, Signals},
    listener::Listener,
    metrics::Metrics,
    server::{self, Limits},
    supervisor,
};

/// Serves until a signal, then finishes what is under way.
pub(crate) async fn run(
    service: Identity,
    config: WebConfig,
    inherited: Option<std::net::TcpListener>,
    build: impl FnOnce(&mut Web) -> Outcome<Routes>,
) -> Outcome {
    let signals = Signals::catch()?;
    let listener = listen(config.address, inherited).await?;
    let metrics_listener = match config.metrics {
        Some(address) => Some(listen(address, None).await?),
        None => None,
    };
    let mut web = Web::new(service, config);
    let routes = build(&mut web)?;
    let Web { config, lifecycle, metrics, checks, ends, files, .. } = web;
    let limits = Limits { connections: files::allow(config.limits.connections, files), ..config.limits };
    let stopping = lifecycle.clone().follow(signals, config.drain_delay, config.shutdown_timeout);
    let health = Health {
        lifecycle: lifecycle.clone(),
        readiness: Readiness::of(checks),
        release: HeaderValue::try_from(config.release)?,
    };
    let layers = Layers {
        hosts: Hosts::at(listener.address()?, &config.allowed_hosts),
        lifecycle: lifecycle.clone(),
        requests: metrics.requests(),
        request_timeout: config.request_timeout,
        common: CommonHeaders::new(),
    };
    let served = router::around(routes, health.clone(), config.cors_origins, layers);

    let watched = watch(metrics_listener, metrics, &config.allowed_hosts, lifecycle, limits);
    let serving = serve(service, listener, health, served, limits);
    let (connections, deadline, ()) = tokio::join!(serving, stopping, watched);
    let connections = connections?;
    tracing::info!("stopped listening");

    let cut = server::finish(connections, deadline).await;
    if cut > 0 {
        tracing::warn!(connections = cut, "cut off what was not finished in time");
    }
    lifecycle::end(ends, deadline).await;
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

/// Serves until listening is to stop. On a shared socket, this process leaves clients to the other processes until it
/// is ready. On a socket of its own, it answers at once that it is not ready.
async fn serve(
    service: Identity,
    listener: Listener,
    health: Health,
    router: Router,
    limits: Limits,
) -> io::Result<JoinSet<()>> {
    let lifecycle = health.lifecycle.clone();
    let ready = async {
        tokio::select! {
            () = health.ready_first() => supervisor::ready(),
            () = lifecycle.stopping() => {}
        }
    };
    let serving = async |listener: Listener| {
        let address = listener.address()?;
        tracing::info!(%address, version = service.version(), "listening");
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
