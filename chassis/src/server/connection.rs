//! One connection, from its first request to its last answer.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until, timeout},
};
use tower::ServiceExt;

use super::{
    LAST_CALL,
    boundary::Framing,
    phase::{Conversation, Phase, Times},
    seats::{Full, Guest},
    socket::Socket,
};
use crate::{
    health,
    lifecycle::Lifecycle,
    problem::{Kind, Problem},
};

/// The longest head taken, in bytes, and the most headers in it. A client that sends more is told so by hyper (431).
const HEAD_LIMIT: usize = 16 * 1024;
const HEADERS_LIMIT: usize = 64;

/// Serves the connection to its end, or until the end of the lifecycle and of what is under way then.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    guest: Guest,
    router: Router,
    lifecycle: Lifecycle,
    times: Times,
) {
    let conversation = Conversation::begin();
    let socket = Socket::new(stream, conversation.clone());
    let service = service_fn(|request: Request<Incoming>| {
        conversation.asked(framing(request.body()));
        answer(request, &guest, &router, conversation.clone())
    });
    let mut served = pin!(
        http1::Builder::new()
            // The conversation has time-outs of its own.
            .header_read_timeout(None)
            .max_buf_size(HEAD_LIMIT)
            .max_headers(HEADERS_LIMIT)
            .serve_connection(TokioIo::new(socket), service)
    );
    let mut clock = Clock::new(&conversation, &guest, times);

    tokio::select! {
        () = clock.bounds(served.as_mut()) => return,
        () = guest.sent_away() => return,
        () = lifecycle.stopping() => {}
    }
    // From here on each answer closes its connection. One that is silent gets a last chance; one on which a request has
    // begun to arrive must not be told to shut down, because hyper takes it for idle until the head is complete.
    if timeout(LAST_CALL, clock.bounds(served.as_mut())).await.is_ok() {
        return;
    }
    if conversation.phase() != Phase::Head {
        served.as_mut().graceful_shutdown();
    }
    tokio::select! {
        () = clock.bounds(served) => {}
        () = guest.sent_away() => {}
    }
}

fn framing(body: &Incoming) -> Framing {
    match body.size_hint().exact() {
        _ if body.is_end_stream() => Framing::NoBody,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    }
}

/// The router's answer if there is a seat.
fn answer(
    mut request: Request<Incoming>,
    guest: &Guest,
    router: &Router,
    conversation: Conversation,
) -> impl Future<Output = Result<Response<Outgoing>, Infallible>> + use<> {
    let seated = if health::is_probe(request.uri().path()) { Ok(()) } else { guest.sit() };
    if let Some(peer) = guest.peer() {
        request.extensions_mut().insert(peer);
    }
    let answer = seated.map(|()| router.clone().oneshot(request.map(Body::new)));
    async move {
        let response = match answer {
            Ok(answer) => answer.await?,
            Err(full) => refusal(&full),
        };
        conversation.answers(response.body().size_hint().exact().is_some());
        Ok(response.map(|body| Outgoing { body, conversation }))
    }
}

fn refusal(full: &Full) -> Response {
    let detail = match full {
        Full::All => "too many clients are served; try again soon",
        Full::Share => "too many requests from this address are under way; try again soon",
    };
    let mut response = Problem::new(Kind::OVERLOADED, detail).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An answer's body, which tells when all of it was taken.
struct Outgoing {
    body: Body,
    conversation: Conversation,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.conversation.handed_over();
    }
}

/// Ends a connection that takes too long over something. All that changes its phase happens while it is served, so that
/// nobody needs to wake this.
struct Clock<'a> {
    conversation: &'a Conversation,
    guest: &'a Guest,
    times: Times,
    timer: Pin<Box<Sleep>>,
}

impl<'a> Clock<'a> {
    fn new(conversation: &'a Conversation, guest: &'a Guest, times: Times) -> Self {
        let far = Instant::now() + times.idle;
        Self { conversation, guest, times, timer: Box::pin(sleep_until(far)) }
    }

    /// Serves until the end or until something takes too long. Errors are clients that went away or spoke no HTTP; they
    /// were answered if at all possible.
    async fn bounds(&mut self, mut served: Pin<&mut impl Future>) {
        poll_fn(|cx| if served.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { self.poll(cx) }).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.conversation.phase().waits() {
            self.guest.stand();
        }
        let Some(deadline) = self.conversation.deadline(&self.times) else { return Poll::Pending };
        // Put off only when it has come: most requests are answered long before.
        loop {
            if deadline < self.timer.deadline() {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests;
