//! The stream of changes.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use chassis::{
    openapi,
    problem::{Kind, Problem},
};
use futures_util::{StreamExt, stream};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::id::EventId;
use crate::app::App;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Asks proxies that would collect the answer first not to.
const BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// How often something is sent at least, so that neither end nor anyone between takes the other for gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Watch changes
///
/// Server-sent events. `saved` says that a todo is new or changed (`{"id": …, "version": …}`), `removed` that it is gone
/// (with the version that it had), and `resync` that anything may have happened: read the list again. The first event is `resync`, unless
/// all that happened since `Last-Event-ID` is known. `ping` only says that the stream lives. It ends when the service stops; another takes over.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "todos",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen")),
    responses(
        (status = OK, content_type = "text/event-stream", body = String),
        openapi::Anywhere,
    )
)]
async fn events(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    if !app.lifecycle.is_serving() {
        return Err(Problem::new(Kind::NOT_READY, "the service is stopping; ask again for another"));
    }
    let last = headers.get(LAST_EVENT_ID).and_then(|id| EventId::parse(id.to_str().ok()?));
    let watcher = app.events.hub.watch(last).ok_or_else(|| {
        Problem::new(
            Kind::TOO_MANY_STREAMS,
            "as many watch as the service has places for; read the list instead",
        )
    })?;
    let changes = stream::unfold((watcher, app.lifecycle), async |(mut watcher, lifecycle)| {
        let (id, change) = tokio::select! {
            biased;
            () = lifecycle.draining() => return None,
            event = watcher.next() => event,
        };
        let event = sse::Event::default().event(change.name()).id(id.to_string()).json_data(change.data());
        Some((Ok::<_, Infallible>(event.unwrap_or_default()), (watcher, lifecycle)))
    });
    let first = stream::iter([Ok(sse::Event::default().retry(retry()))]);
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
