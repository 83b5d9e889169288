//! The routes of the list.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chassis::{
    etag::{IfMatch, IfNoneMatch, etag},
    extract::{Empty, EmptyBody, Id, Payload, Query},
    idempotency::{Answer, Key, Keyed, Outcome},
    openapi,
    problem::{Kind, Problem},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    announced::{announced, saved},
    change::Change,
    model::{ListQuery, NewTodo, Todo, TodoPatch},
    page::{self, Page},
    store::Todos,
};
use crate::{
    app::App,
    openapi::{OfOne, WithPrecondition},
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, remove))
        .routes(routes!(restore))
}

/// List todos, newest first
#[utoipa::path(
    get,
    path = "/api/todos",
    tag = "todos",
    params(ListQuery),
    responses((status = OK, body = Page), openapi::WithParameters, openapi::Limited, openapi::Anywhere)
)]
async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<impl IntoResponse, Problem> {
    let json = Todos(&app.database).page(&query, page::LONGEST).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json))
}

/// Add a todo
///
/// With Idempotency-Key, sending it again adds nothing and gives the first answer again, for 24 hours.
#[utoipa::path(
    post,
    path = "/api/todos",
    tag = "todos",
    params(Key),
    request_body = NewTodo,
    responses(
        (status = CREATED, body = Todo, headers(
            ("Location" = String, description = "The address of the todo"),
            ("ETag" = String, description = "The version in quotes"),
        )),
        openapi::WithKey,
        openapi::WithBody,
        openapi::Limited, openapi::Anywhere,
    )
)]
async fn create(State(app): State<App>, request: Keyed<NewTodo>) -> Result<Answer, Problem> {
    let (todos, new) = (Todos(&app.database), request.payload);
    let Some(once) = request.once else {
        let (_, answer) = announced(&app, todos.create(&new), |(todo, _)| saved(todo)).await?;
        return Ok(answer);
    };
    match announced(&app, todos.create_once(&new, &once), |outcome| outcome.done().map(saved)).await? {
        Outcome::Done(_, answer) | Outcome::DoneBefore(answer) => Ok(answer),
        Outcome::OtherRequest => Err(Problem::new(
            Kind::KEY_OF_ANOTHER,
            "this Idempotency-Key belongs to another request; take a new one for a new request",
        )),
        Outcome::UnderWay => Err(Problem::new(
            Kind::UNDER_WAY,
            "the first request with this Idempotency-Key is not finished yet",
        )),
    }
}

/// Read a todo
#[utoipa::path(
    get,
    path = "/api/todos/{id}",
    tag = "todos",
    params(
        ("id" = Uuid, Path),
        IfNoneMatch,
    ),
    responses(
        (status = OK, body = Todo, headers(("ETag" = String, description = "The version in quotes"))),
        (status = NOT_MODIFIED, description = "The client has it already"),
        openapi::WithParameters,
        OfOne,
        openapi::Limited, openapi::Anywhere,
    )
)]
async fn read(State(app): State<App>, Id(id): Id, known: IfNoneMatch) -> Result<Response, Problem> {
    let todo = Todos(&app.database).get(id).await?;
    if known.has(todo.version) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag(todo.version))]).into_response());
    }
    Ok(tagged(todo).into_response())
}

/// Change a todo
///
/// What is absent stays as it is, what is null is cleared. With If-Match, nobody else's change is overwritten.
#[utoipa::path(
    patch,
    path = "/api/todos/{id}",
    tag = "todos",
    params(
        ("id" = Uuid, Path),
        IfMatch,
    ),
    request_body(content(
        (TodoPatch = "application/json"),
        (TodoPatch = "application/merge-patch+json"),
    )),
    responses(
        (status = OK, body = Todo, headers(("ETag" = String, description = "The version in quotes"))),
        OfOne,
        WithPrecondition,
        openapi::WithBody,
        openapi::Limited, openapi::Anywhere,
    )
)]
async fn update(
    State(app): State<App>,
    Id(id): Id,
    allowed: IfMatch,
    Payload(patch): Payload<TodoPatch>,
) -> Result<impl IntoResponse, Problem> {
    Ok(tagged(announced(&app, Todos(&app.database).update(id, &patch, &allowed), saved).await?))
}

/// Remove a todo
///
/// It can be brought back for a day.
#[utoipa::path(
    delete,
    path = "/api/todos/{id}",
    tag = "todos",
    params(
        ("id" = Uuid, Path),
        IfMatch,
    ),
    responses(
        (status = NO_CONTENT, description = "It is gone"),
        openapi::WithParameters,
        OfOne,
        WithPrecondition,
        openapi::Limited, openapi::Anywhere,
    )
)]
async fn remove(State(app): State<App>, Id(id): Id, allowed: IfMatch) -> Result<StatusCode, Problem> {
    let removed = |version: &i64| Change::Removed { removed: id, version: *version };
    announced(&app, Todos(&app.database).delete(id, &allowed), removed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a removed todo back
///
/// For a day after its removal. One that is not removed is answered as it is, so that asking again does no harm.
#[utoipa::path(
    post,
    path = "/api/todos/{id}/restore",
    tag = "todos",
    params(("id" = Uuid, Path)),
    request_body = Empty,
    responses(
        (status = OK, body = Todo, headers(("ETag" = String, description = "The version in quotes"))),
        OfOne,
        openapi::WithBody,
        openapi::Limited, openapi::Anywhere,
    )
)]
async fn restore(State(app): State<App>, Id(id): Id, _: EmptyBody) -> Result<impl IntoResponse, Problem> {
    Ok(tagged(announced(&app, Todos(&app.database).restore(id), saved).await?))
}

/// A todo with its entity tag.
fn tagged(todo: Todo) -> impl IntoResponse {
    ([(header::ETAG, etag(todo.version))], Json(todo))
}
