//! What all routes have in common in the API's description.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, OpenApi,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

use crate::problem::{self, Document};

/// The description's frame; the routes fill it.
#[derive(OpenApi)]
#[openapi(
    info(title = "todo-api", description = "A to-do list. Errors are problem documents after RFC 9457."),
    components(schemas(Document)),
    tags((name = "todos", description = "Things to do"), (name = "health", description = "For probes"))
)]
pub(crate) struct Api;

/// Declares sets of problems that routes can answer with.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $description:literal,)* })*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(($status, $description)),*].map(|(status, text)| (status.into(), problem(text).into())).into()
            }
        }
    )*};
}

problems! {
    /// What any route may answer.
    Anywhere {
        "500": "Something went wrong here",
        "503": "The service cannot answer at present; try again after the time in Retry-After",
    }
    /// What a route with parameters may answer.
    WithParameters {
        "400": "A parameter or header is malformed",
    }
    /// What a route of one todo may answer.
    OfOne {
        "404": "There is no such todo",
    }
    /// What a route that heeds If-Match may answer.
    WithPrecondition {
        "412": "The todo has another version than those in If-Match",
    }
    /// What a route that takes a body may answer.
    WithBody {
        "400": "The request is malformed",
        "413": "The body is too large",
        "415": "The body is not JSON",
        "422": "Fields are missing, unknown or wrong",
    }
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content(problem::MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}
