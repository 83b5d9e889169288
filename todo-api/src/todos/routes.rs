//! The routes of the list.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    etag::{IfMatch, IfNoneMatch, etag},
    model::{ListQuery, NewTodo, Page, Todo, TodoPatch},
    store::Todos,
};
use crate::{
    app::App,
    extract::{Id, Payload, Query},
    openapi,
    problem::Problem,
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, remove))
}

/// List todos, newest first
#[utoipa::path(
    get,
    path = "/api/todos",
    tag = "todos",
    params(ListQuery),
    responses((status = OK, body = Page), openapi::WithParameters, openapi::Anywhere)
)]
async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<Json<Page>, Problem> {
    Ok(Json(Todos(&app.database).list(&query).await?))
}

/// Add a todo
#[utoipa::path(
    post,
    path = "/api/todos",
    tag = "todos",
    request_body = NewTodo,
    responses(
        (status = CREATED, body = Todo, headers(
            ("Location" = String, description = "The address of the todo"),
            ("ETag" = String, description = "The version in quotes"),
        )),
        openapi::WithBody,
        openapi::Anywhere,
    )
)]
async fn create(State(app): State<App>, Payload(new): Payload<NewTodo>) -> Result<Response, Problem> {
    let todo = Todos(&app.database).create(&new).await?;
    let location = format!("/api/todos/{}", todo.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], tagged(todo)).into_response())
}

/// Read a todo
#[utoipa::path(
    get,
    path = "/api/todos/{id}",
    tag = "todos",
    params(
        ("id" = Uuid, Path),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of what the client has already"),
    ),
    responses(
        (status = OK, body = Todo, headers(("ETag" = String, description = "The version in quotes"))),
        (status = NOT_MODIFIED, description = "The client has it already"),
        openapi::WithParameters,
        openapi::OfOne,
        openapi::Anywhere,
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
        ("If-Match" = Option<String>, Header, description = "Entity tags of the versions to change, or `*`"),
    ),
    request_body(content(
        (TodoPatch = "application/json"),
        (TodoPatch = "application/merge-patch+json"),
    )),
    responses(
        (status = OK, body = Todo, headers(("ETag" = String, description = "The version in quotes"))),
        openapi::OfOne,
        openapi::WithPrecondition,
        openapi::WithBody,
        openapi::Anywhere,
    )
)]
async fn update(
    State(app): State<App>,
    Id(id): Id,
    allowed: IfMatch,
    Payload(patch): Payload<TodoPatch>,
) -> Result<impl IntoResponse, Problem> {
    Ok(tagged(Todos(&app.database).update(id, &patch, &allowed).await?))
}

/// Remove a todo
#[utoipa::path(
    delete,
    path = "/api/todos/{id}",
    tag = "todos",
    params(
        ("id" = Uuid, Path),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the versions to remove, or `*`"),
    ),
    responses(
        (status = NO_CONTENT, description = "It is gone"),
        openapi::WithParameters,
        openapi::OfOne,
        openapi::WithPrecondition,
        openapi::Anywhere,
    )
)]
async fn remove(State(app): State<App>, Id(id): Id, allowed: IfMatch) -> Result<StatusCode, Problem> {
    Todos(&app.database).delete(id, &allowed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A todo with its entity tag.
fn tagged(todo: Todo) -> impl IntoResponse {
    ([(header::ETAG, etag(todo.version))], Json(todo))
}
