//! Accepts connections and, when told to stop, finishes what is under way.
//!
//! A loop of our own rather than `axum::serve`, because that one drops the connections that wait to be accepted, and
//! those that were accepted but not yet read from.

mod boundary;
mod connection;
mod phase;
mod seats;
mod socket;

use std::{io, num::NonZeroUsize, pin::pin, time::Duration};

use axum::Router;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use self::seats::{Guest, Seats};
pub(crate) use self::{phase::Times, seats::STANDING};
use crate::{
    admission::Peer,
    lifecycle::Lifecycle,
    listener::{self, Listener},
};

/// How long to wait, when stopping, for connections and requests that may be on their way already.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How long to wait when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the connections may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// How many requests may be under way at once, whatever becomes of them.
    pub(crate) connections: usize,
    /// How many of them may come from one address.
    pub(crate) each: Option<NonZeroUsize>,
    pub(crate) times: Times,
}

/// Serves until the end of the lifecycle; what remains open then is in the returned set.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    lifecycle: Lifecycle,
    limits: Limits,
) -> io::Result<JoinSet<()>> {
    let mut connections = JoinSet::new();
    let seats = Seats::new(limits.connections, limits.each);
    let mut open = |stream: TcpStream, guest: Guest| {
        // Forgets those that have ended.
        while connections.try_join_next().is_some() {}
        // Fails only on a connection that is gone already.
        let _ = stream.set_nodelay(true);
        listener::give_up_on_the_deaf(&stream);
        connections.spawn(connection::serve(stream, guest, router.clone(), lifecycle.clone(), limits.times));
    };
    accept_until(lifecycle.stopping(), &listener, &seats, &mut open).await;
    let last_call = async {
        listener.leave().await;
        // For those who have begun to connect.
        sleep(LAST_CALL).await;
    };
    accept_until(last_call, &listener, &seats, &mut open).await;
    listener.close(|stream| {
        let guest = seats.squeeze_in(peer(&stream));
        open(stream, guest);
    })?;
    Ok(connections)
}

async fn accept_until(
    end: impl Future<Output = ()>,
    listener: &Listener,
    seats: &Seats,
    mut open: impl FnMut(TcpStream, Guest),
) {
    let mut end = pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return,
            accepted = listener.accept() => match accepted {
                Ok(stream) => {
                    let guest = seats.welcome(peer(&stream)).await;
                    open(stream, guest);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    seats.send_one_away();
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Nobody, where the connection is gone already.
fn peer(stream: &TcpStream) -> Option<Peer> {
    stream.peer_addr().ok().map(|address| Peer::new(address.ip()))
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
