//! Accepts connections and, when told to stop, finishes what is under way.
//!
//! A loop of our own rather than `axum::serve`, because that one drops the connections that wait to be accepted, and
//! those that were accepted but not yet read from.

use std::{io, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tower::ServiceExt;

use crate::{lifecycle::Lifecycle, listener, socket::Socket};

/// How long a client may take over a request's head, or over asking again; longer than proxies keep idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long to wait, when stopping, for connections and requests that may be on their way already.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How long to wait when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the end of the lifecycle; what remains open then is in the returned set.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    lifecycle: Lifecycle,
) -> io::Result<JoinSet<()>> {
    let mut connections = JoinSet::new();
    let mut open = |stream| {
        // Forgets those that have ended.
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, router.clone(), lifecycle.clone()));
    };
    accept_until(lifecycle.stopping(), &listener, &mut open).await;
    listener::ignore_newcomers(&listener);
    // For those who have begun to connect.
    accept_until(sleep(LAST_CALL), &listener, &mut open).await;
    listener::close(listener, open)?;
    Ok(connections)
}

async fn accept_until(
    end: impl Future<Output = ()>,
    listener: &TcpListener,
    mut open: impl FnMut(TcpStream),
) {
    let mut end = pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open(stream),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Waits for the connections until the deadline; cuts and counts those that are still open then.
pub(crate) async fn finish(mut connections: JoinSet<()>, deadline: Instant) -> usize {
    let _ = timeout_at(deadline, async { while connections.join_next().await.is_some() {} }).await;
    connections.len()
}

/// Whether it was the client who gave up before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, router: Router, lifecycle: Lifecycle) {
    // Fails only on a connection that is gone already.
    let _ = stream.set_nodelay(true);
    let socket = Socket::new(stream);
    let unanswered = socket.unanswered();
    let service = service_fn(|request: Request<Incoming>| router.clone().oneshot(request.map(Body::new)));
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_TIMEOUT)
            .serve_connection(TokioIo::new(socket), service)
    );

    // Errors are clients that went away or spoke no HTTP; they were answered if at all possible.
    tokio::select! {
        _ = &mut served => return,
        () = lifecycle.stopping() => {}
    }
    // From here on each answer closes its connection. One that is silent gets a last chance; one on which a request has
    // begun to arrive must not be told to shut down, because hyper takes it for idle until the head is complete.
    if timeout(LAST_CALL, &mut served).await.is_ok() {
        return;
    }
    if !unanswered.is_set() {
        served.as_mut().graceful_shutdown();
    }
    let _ = served.await;
}
