//! What all routes have in common in the API's description.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, OpenApi,
    openapi::{
        self, ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{ParameterBuilder, ParameterIn},
        schema::{AdditionalProperties, ObjectBuilder, Schema, Type},
    },
};

use crate::problem::{self, Document};

/// What comes in bodies.
const BODIES: [&str; 3] = ["Empty", "NewTodo", "TodoPatch"];

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
        "421": "The service does not go by the name in Host",
        "500": "Something went wrong here",
        "503": "The service cannot answer at present; try again after the time in Retry-After",
    }
    /// What a route may answer that admits so many requests and no more.
    Limited {
        "429": "You ask too often; try again after the time in Retry-After",
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
    /// What a route that takes an Idempotency-Key may answer.
    WithKey {
        "409": "The first request with this Idempotency-Key is not finished yet",
    }
    /// What a route that takes a body may answer.
    WithBody {
        "400": "The request is malformed",
        "408": "The body took too long to arrive",
        "413": "The body is too large",
        "415": "The body is not JSON",
        "422": "Fields are missing, unknown or wrong, or the Idempotency-Key belongs to another request",
    }
}

/// An optional header whose values match this pattern.
pub(crate) fn header(name: &str, pattern: &str) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(schema))
}

/// Says of what comes in bodies that nothing else may be in it.
pub(crate) fn close(mut api: openapi::OpenApi) -> openapi::OpenApi {
    let schemas = api.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (name, schema) in schemas {
        if let (true, RefOr::T(Schema::Object(object))) = (BODIES.contains(&name.as_str()), schema) {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
    api
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content(problem::MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}
