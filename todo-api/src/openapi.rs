//! What the description of this API has besides its routes.

use std::collections::BTreeMap;

use chassis::openapi::problems;
use utoipa::{
    IntoResponses, OpenApi,
    openapi::{RefOr, Response},
};

/// The description's frame; the routes fill it.
#[derive(OpenApi)]
#[openapi(
    info(title = "todo-api", description = "A to-do list. Errors are problem documents after RFC 9457."),
    tags((name = "todos", description = "Things to do"))
)]
pub(crate) struct Api;

/// What a route of one todo may answer.
pub(crate) struct OfOne;

impl IntoResponses for OfOne {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("404", "There is no such todo")])
    }
}

/// What a route that evaluates If-Match may answer.
pub(crate) struct WithPrecondition;

impl IntoResponses for WithPrecondition {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("412", "The todo has another version than those in If-Match")])
    }
}
