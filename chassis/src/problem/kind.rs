//! Kinds of problems.

use axum::http::StatusCode;

/// A kind of problem, for clients to tell by: always with the same status and title.
///
/// A service adds its own beside those that are here:
///
/// ```
/// use axum::http::StatusCode;
/// use chassis::problem::Kind;
///
/// const OUT_OF_STOCK: Kind = Kind::new(StatusCode::CONFLICT, "/problems/out-of-stock", "Out of stock");
/// assert_eq!(OUT_OF_STOCK.status(), 409);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kind {
    status: StatusCode,
    uri: &'static str,
    title: &'static str,
}

impl Kind {
    /// The request is not what HTTP or JSON asks for.
    pub const MALFORMED_REQUEST: Self =
        Self::new(StatusCode::BAD_REQUEST, "/problems/malformed-request", "Malformed request");
    /// A parameter or header has a wrong value.
    pub const INVALID_PARAMETERS: Self =
        Self::new(StatusCode::BAD_REQUEST, "/problems/invalid-parameters", "Invalid parameters");
    /// A field of the body has a wrong value.
    pub const INVALID_FIELDS: Self =
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "/problems/invalid-fields", "Invalid fields");
    /// There is no such thing.
    pub const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "/problems/not-found", "Not found");
    /// The request is for a host that this service is not.
    pub const OTHER_HOST: Self =
        Self::new(StatusCode::MISDIRECTED_REQUEST, "/problems/other-host", "Other host");
    /// The address does not take this method.
    pub const METHOD_NOT_ALLOWED: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed");
    /// `If-Match` names other versions than there is.
    pub const PRECONDITION_FAILED: Self =
        Self::new(StatusCode::PRECONDITION_FAILED, "/problems/precondition-failed", "Precondition failed");
    /// The body took too long to arrive.
    pub const BODY_TOO_SLOW: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, "/problems/body-too-slow", "Body too slow");
    /// The body is longer than is taken.
    pub const BODY_TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "/problems/body-too-large", "Body too large");
    /// The `Idempotency-Key` belongs to another request.
    pub const KEY_OF_ANOTHER: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "/problems/key-of-another-request",
        "Key of another request",
    );
    /// The first request with this `Idempotency-Key` is not finished yet.
    pub const UNDER_WAY: Self = Self::new(StatusCode::CONFLICT, "/problems/under-way", "Under way");
    /// The body is of a type that is not taken.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "/problems/unsupported-media-type",
        "Unsupported media type",
    );
    /// A mistake of the service's own.
    pub const INTERNAL: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "Internal error");
    /// The database does not answer at present.
    pub const DATABASE_UNAVAILABLE: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/database-unavailable", "Database unavailable");
    /// Requests are not welcome yet, or no longer.
    pub const NOT_READY: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/not-ready", "Not ready");
    /// The client asks too often.
    pub const TOO_MANY_REQUESTS: Self =
        Self::new(StatusCode::TOO_MANY_REQUESTS, "/problems/too-many-requests", "Too many requests");
    /// All clients together ask more than the service can do.
    pub const OVERLOADED: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/overloaded", "Overloaded");
    /// More clients watch than there are places for.
    pub const TOO_MANY_STREAMS: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/too-many-streams", "Too many streams");
    /// The request took too long.
    pub const TIMED_OUT: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "/problems/timed-out", "Timed out");

    /// A kind of a service's own. The URI is a relative one, to compare with.
    pub const fn new(status: StatusCode, uri: &'static str, title: &'static str) -> Self {
        Self { status, uri, title }
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> StatusCode {
        self.status
    }

    pub(super) const fn uri(self) -> &'static str {
        self.uri
    }

    pub(super) const fn title(self) -> &'static str {
        self.title
    }

    /// Whether the same request may be answered otherwise a little later.
    pub(super) fn may_pass(self) -> bool {
        matches!(
            self.status,
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        )
    }
}
