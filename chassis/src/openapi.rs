//! What the routes of all services have in common in an API's description.
//!
//! The description itself comes from utoipa: a service annotates its handlers, collects them in an `OpenApiRouter`, and
//! names what each may answer besides by the types that are here, or by its own:
//!
//! ```
//! use std::collections::BTreeMap;
//! use chassis::openapi::problems;
//! use utoipa::{IntoResponses, openapi::{RefOr, Response}};
//!
//! struct OfOne;
//!
//! impl IntoResponses for OfOne {
//!     fn responses() -> BTreeMap<String, RefOr<Response>> {
//!         problems(&[("404", "There is no such pet")])
//!     }
//! }
//! assert!(OfOne::responses().contains_key("404"));
//! ```

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};

use crate::problem::{self, Document};

/// What every description has: probes, and what a problem looks like.
#[derive(OpenApi)]
#[openapi(components(schemas(Document)), tags((name = "health", description = "For probes")))]
struct Common;

pub(crate) fn common() -> utoipa::openapi::OpenApi {
    Common::openapi()
}

/// Problems that a route may answer with: each a status and what it means.
pub fn problems(of: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    of.iter().map(|(status, text)| ((*status).to_owned(), problem(text).into())).collect()
}

/// What any route may answer.
pub struct Anywhere;

impl IntoResponses for Anywhere {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("421", "The service does not go by the name in Host"),
            ("500", "Something went wrong here"),
            ("503", "The service cannot answer at present; try again after the time in Retry-After"),
        ])
    }
}

/// What a route may answer that is in an [`Admission::layer`](crate::admission::Admission::layer).
pub struct Limited;

impl IntoResponses for Limited {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("429", "You ask too often; try again after the time in Retry-After")])
    }
}

/// What a route with parameters may answer.
pub struct WithParameters;

impl IntoResponses for WithParameters {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("400", "A parameter or header is malformed")])
    }
}

/// What a route that takes an `Idempotency-Key` may answer.
pub struct WithKey;

impl IntoResponses for WithKey {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("409", "The first request with this Idempotency-Key is not finished yet")])
    }
}

/// What a route that takes a body may answer.
pub struct WithBody;

impl IntoResponses for WithBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "The request is malformed"),
            ("408", "The body took too long to arrive"),
            ("413", "The body is too large"),
            ("415", "The body is not JSON"),
            (
                "422",
                "Fields are missing, unknown or wrong, or the Idempotency-Key belongs to another request",
            ),
        ])
    }
}

/// An optional header whose values match this pattern.
pub fn header(name: &str, pattern: &str) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(schema))
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content(problem::MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}
