//! Problem documents (RFC 9457): the answer to a request that cannot be answered as hoped.

mod kind;

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

pub use self::kind::Kind;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem on its way to the client.
///
/// ```
/// use axum::response::IntoResponse;
/// use chassis::problem::{Kind, Problem};
///
/// let answer = Problem::new(Kind::NOT_FOUND, "there is no such pet").into_response();
/// assert_eq!(answer.status(), 404);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// ```
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
}

/// What is wrong with one field or parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldError {
    /// The name of the field, parameter or header.
    #[cfg_attr(feature = "openapi", schema(example = "title"))]
    pub field: String,
    /// What was expected of it.
    #[cfg_attr(feature = "openapi", schema(example = "must have 1 to 200 characters"))]
    pub detail: String,
}

/// Why a request was not answered as hoped (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub struct Document {
    /// The kind of problem, a relative URI to compare with.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(example = "/problems/invalid-fields"))]
    kind: &'static str,
    /// The kind of problem in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time.
    detail: Cow<'static, str>,
    /// What is wrong, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem, and what went wrong this time.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new() }
    }

    /// A problem with one or more fields, parameters or headers.
    pub fn with_fields(kind: Kind, errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("cannot take {}", names.join(", "));
        Self { kind, detail: detail.into(), errors }
    }

    /// The answer to a mistake of our own. What it was is for the log alone.
    pub fn internal() -> Self {
        Self::new(Kind::INTERNAL, "something went wrong here; the request itself may be fine")
    }
}

impl FieldError {
    /// A name, and what was expected of its value.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, errors } = self;
        let status = kind.status();
        let document =
            Document { kind: kind.uri(), title: kind.title(), status: status.as_u16(), detail, errors };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if kind.may_pass() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
