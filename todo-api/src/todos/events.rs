//! The stream of changes.

use axum::{extract::State, http::HeaderMap, response::Response};
use chassis::{openapi, problem::Problem};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

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
    app.events.stream(&headers)
}
