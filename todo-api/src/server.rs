//! Accepts connections and, when told to stop, finishes what is under way.
//!
//! A loop of our own rather than `axum::serve`, because that one drops the connections that wait to be accepted, and
//! those that were accepted but not yet read from.

use std::{convert::Infallible, future::ready, io, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, response::IntoResponse};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tower::ServiceExt;

use crate::{
    admission::Peer,
    lifecycle::Lifecycle,
    listener::{self, Listener},
    problem::{Kind, Problem},
    socket::Socket,
};

/// How long a client may take over asking again; longer than proxies keep idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long to wait, when stopping, for connections and requests that may be on their way already.
const LAST_CALL: Duration = Duration::from_millis(250);

/// The longest head taken, in bytes, and the most headers in it. Who sends more is told so by hyper (431).
const HEAD_LIMIT: usize = 16 * 1024;
const HEADERS_LIMIT: usize = 64;

/// How many of those for whom there is no place are told so at the same time, and how long that may take.
const REFUSALS: usize = 64;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the connections may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How many there may be at once.
    pub(crate) connections: usize,
    /// How long the head of a request may take to arrive.
    pub(crate) head_timeout: Duration,
}

/// Serves until the end of the lifecycle; what remains open then is in the returned set.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    lifecycle: Lifecycle,
    limits: Limits,
) -> io::Result<JoinSet<()>> {
    let mut connections = JoinSet::new();
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let mut open = |stream| {
        // Forgets those that have ended.
        while connections.try_join_next().is_some() {}
        if connections.len() < limits.connections {
            connections.spawn(connection(stream, router.clone(), lifecycle.clone(), limits.head_timeout));
        } else if let Ok(place) = refusals.clone().try_acquire_owned() {
            tokio::spawn(async move {
                let _place = place;
                refuse(stream).await;
            });
        }
    };
    accept_until(lifecycle.stopping(), &listener, &mut open).await;
    let last_call = async {
        listener.leave().await;
        // For those who have begun to connect.
        sleep(LAST_CALL).await;
    };
    accept_until(last_call, &listener, &mut open).await;
    listener.close(open)?;
    Ok(connections)
}

async fn accept_until(end: impl Future<Output = ()>, listener: &Listener, mut open: impl FnMut(TcpStream)) {
    let mut end = pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return,
            accepted = listener.accept() => match accepted {
                Ok(stream) => open(stream),
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

/// Answers that there is no place.
async fn refuse(stream: TcpStream) {
    // No async closure: rustc 1.95 sometimes fails to compile this file incrementally with one.
    let service = service_fn(|_: Request<Incoming>| {
        let problem = Problem::new(Kind::Overloaded, "too many clients are connected; try again soon");
        ready(Ok::<_, Infallible>(problem.into_response()))
    });
    let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    let _ = timeout(REFUSAL_TIMEOUT, served).await;
}

async fn connection(stream: TcpStream, router: Router, lifecycle: Lifecycle, head_timeout: Duration) {
    // Fails only on a connection that is gone already.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(|address| Peer::new(address.ip()));
    listener::give_up_on_the_deaf(&stream);
    let socket = Socket::new(stream);
    let (unanswered, arrival) = (socket.unanswered(), socket.arrival());
    let service = service_fn(|request: Request<Incoming>| {
        arrival.complete();
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        router.clone().oneshot(request)
    });
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_TIMEOUT)
            .max_buf_size(HEAD_LIMIT)
            .max_headers(HEADERS_LIMIT)
            .serve_connection(TokioIo::new(socket), service)
    );

    // Errors are clients that went away or spoke no HTTP; they were answered if at all possible.
    tokio::select! {
        _ = &mut served => return,
        () = arrival.overdue(head_timeout) => return,
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
    tokio::select! {
        _ = served => {}
        () = arrival.overdue(head_timeout) => {}
    }
}
