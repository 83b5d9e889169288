//! What is answered when a request cannot be: problem documents after RFC 9457.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A kind of problem: stable for clients to tell by, always with the same status and title.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    MalformedRequest,
    InvalidParameters,
    InvalidFields,
    NotFound,
    OtherHost,
    MethodNotAllowed,
    PreconditionFailed,
    BodyTooSlow,
    BodyTooLarge,
    KeyOfAnother,
    UnderWay,
    UnsupportedMediaType,
    Internal,
    DatabaseUnavailable,
    NotReady,
    TooManyRequests,
    Overloaded,
    TooManyStreams,
    TimedOut,
}

/// A problem on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) errors: Vec<FieldError>,
}

/// What is wrong with one field or parameter.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The name of the field, parameter or header.
    #[schema(example = "title")]
    pub(crate) field: String,
    /// What was expected of it.
    #[schema(example = "must have 1 to 200 characters")]
    pub(crate) detail: String,
}

/// Why a request was not answered as hoped (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// The kind of problem, a relative URI to compare with.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-fields")]
    kind: &'static str,
    /// The kind of problem in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time.
    detail: Cow<'static, str>,
    /// What is wrong, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

impl Kind {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (S::BAD_REQUEST, "/problems/malformed-request", "Malformed request"),
            Self::InvalidParameters => (S::BAD_REQUEST, "/problems/invalid-parameters", "Invalid parameters"),
            Self::InvalidFields => (S::UNPROCESSABLE_ENTITY, "/problems/invalid-fields", "Invalid fields"),
            Self::NotFound => (S::NOT_FOUND, "/problems/not-found", "Not found"),
            Self::OtherHost => (S::MISDIRECTED_REQUEST, "/problems/other-host", "Other host"),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed")
            }
            Self::PreconditionFailed => {
                (S::PRECONDITION_FAILED, "/problems/precondition-failed", "Precondition failed")
            }
            Self::BodyTooSlow => (S::REQUEST_TIMEOUT, "/problems/body-too-slow", "Body too slow"),
            Self::KeyOfAnother => {
                (S::UNPROCESSABLE_ENTITY, "/problems/key-of-another-request", "Key of another request")
            }
            Self::UnderWay => (S::CONFLICT, "/problems/under-way", "Under way"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "/problems/body-too-large", "Body too large"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "/problems/unsupported-media-type", "Unsupported media type")
            }
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "/problems/internal", "Internal error"),
            Self::DatabaseUnavailable => {
                (S::SERVICE_UNAVAILABLE, "/problems/database-unavailable", "Database unavailable")
            }
            Self::NotReady => (S::SERVICE_UNAVAILABLE, "/problems/not-ready", "Not ready"),
            Self::TooManyRequests => {
                (S::TOO_MANY_REQUESTS, "/problems/too-many-requests", "Too many requests")
            }
            Self::Overloaded => (S::SERVICE_UNAVAILABLE, "/problems/overloaded", "Overloaded"),
            Self::TooManyStreams => {
                (S::SERVICE_UNAVAILABLE, "/problems/too-many-streams", "Too many streams")
            }
            Self::TimedOut => (S::SERVICE_UNAVAILABLE, "/problems/timed-out", "Timed out"),
        }
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new() }
    }

    /// A problem with one or more fields, parameters or headers.
    pub(crate) fn with_fields(kind: Kind, errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("cannot take {}", names.join(", "));
        Self { kind, detail: detail.into(), errors }
    }

    /// The answer to a mistake of our own. What it was is for the log alone.
    pub(crate) fn internal() -> Self {
        Self::new(Kind::Internal, "something went wrong here; the request itself may be fine")
    }
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, kind, title) = self.kind.parts();
        let document =
            Document { kind, title, status: status.as_u16(), detail: self.detail, errors: self.errors };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let may_be_tried_again = matches!(
            status,
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        if may_be_tried_again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
