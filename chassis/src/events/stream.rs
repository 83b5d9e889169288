//! The stream of changes.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};

use super::{change::Change, hub::Hub, id::EventId, quick::Quick};
use crate::{
    lifecycle::Lifecycle,
    problem::{Kind, Problem},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Asks proxies that would collect the answer first not to.
const BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// How often something is sent at least, so that neither end nor anyone between takes the other for gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a page of a quick build waits before it comes back.
const QUICK_RETRY: Duration = Duration::from_millis(100);

/// What one who watches gets, until the service stops.
pub(super) fn of<C: Change>(
    hub: &Hub<C>,
    lifecycle: &Lifecycle,
    quick: Option<Quick>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if !lifecycle.is_serving() {
        return Err(Problem::new(Kind::NOT_READY, "the service is stopping; ask again for another"));
    }
    let last = headers.get(LAST_EVENT_ID).and_then(|id| EventId::parse(id.to_str().ok()?));
    let watcher = hub.watch(last).ok_or_else(|| {
        Problem::new(
            Kind::TOO_MANY_STREAMS,
            "as many watch as the service has places for; read the list instead",
        )
    })?;
    let changes = stream::unfold((watcher, lifecycle.clone()), async |(mut watcher, lifecycle)| {
        let (id, change) = tokio::select! {
            biased;
            () = lifecycle.draining() => return None,
            event = watcher.next() => event,
        };
        let event = sse::Event::default().event(change.name()).id(id.to_string()).json_data(change.data());
        Some((Ok::<_, Infallible>(event.unwrap_or_default()), (watcher, lifecycle)))
    });
    // The developer waits for the page.
    let retry = if quick.is_some() { QUICK_RETRY } else { retry() };
    let first = stream::iter([Ok(sse::Event::default().retry(retry))]);
    let stopping = lifecycle.clone();
    let builds = stream::iter(quick).flat_map(Quick::events).map(Ok);
    let builds = builds.take_until(async move { stopping.draining().await });
    let changes = stream::select(changes, builds);
    // An event rather than a comment, which the scripts of a page do not see.
    let ping = sse::Event::default().event("ping").data("{}");
    let stream = Sse::new(first.chain(changes)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).event(ping));
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), BUFFERING], stream).into_response())
}

/// How long a client should wait before it comes back: between half a second and one and a half, so that not all who
/// were here come back at once.
fn retry() -> Duration {
    let [.., high, low] = uuid::Uuid::now_v7().into_bytes();
    Duration::from_millis(500 + u64::from(u16::from_be_bytes([high, low])) / 66)
}
