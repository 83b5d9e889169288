//! Takes requests apart; what does not fit becomes a problem document.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRef, FromRequest, FromRequestParts, Path, Request, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde_json::{Map, Value};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    fields::{Fields, FromFields, Noted},
    idempotency::Key,
    object::Object,
    problem::{FieldError, Kind, Problem},
};

/// The longest body taken, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The JSON object in the body.
pub struct Payload<T>(pub T);

/// A request without content: the body is an empty JSON object. With an idempotency key there may also be no body, as
/// the page of the previous release sends it. A page of another origin can send neither: a form sends neither JSON nor
/// the key's header, and a script needs a CORS preflight.
pub struct EmptyBody;

/// Nothing, said in JSON, as forms of other sites cannot say it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
pub struct Empty {}

/// The query parameters.
pub struct Query<T>(pub T);

/// The `id` in the path.
pub struct Id(pub Uuid);

/// How long a request's body may take to arrive. The state of routes that take one has it:
///
/// ```
/// use axum::extract::FromRef;
/// use chassis::extract::BodyTimeout;
///
/// #[derive(Clone)]
/// struct App {
///     body_timeout: BodyTimeout,
/// }
///
/// impl FromRef<App> for BodyTimeout {
///     fn from_ref(app: &App) -> Self {
///         app.body_timeout
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BodyTimeout(pub(crate) Duration);

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Payload<T>
where
    BodyTimeout: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Self::parse(&json_body(request, BodyTimeout::from_ref(state)).await?)
    }
}

impl<S: Send + Sync> FromRequest<S> for EmptyBody
where
    BodyTimeout: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if Key::of(request.headers())?.is_some() && request.body().is_end_stream() {
            return Ok(Self);
        }
        Payload::<Empty>::from_request(request, state).await.map(|_| Self)
    }
}

impl FromFields for Empty {
    fn read(_: &mut Fields) -> Result<Self, Noted> {
        Ok(Self {})
    }
}

impl<T: FromFields> Payload<T> {
    /// Reads a body; what does not fit is told field by field.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let Object { values, repeated } = serde_json::from_slice(body).map_err(|error| {
            Problem::new(Kind::MALFORMED_REQUEST, format!("the body is not a JSON object: {error}"))
        })?;
        read(values, repeated).map(Self).map_err(|errors| Problem::with_fields(Kind::INVALID_FIELDS, errors))
    }
}

/// Reads what was given, of which nothing may be given twice.
fn read<T: FromFields>(values: Map<String, Value>, repeated: BTreeSet<String>) -> Result<T, Vec<FieldError>> {
    let mut errors: Vec<_> =
        repeated.into_iter().map(|name| FieldError::new(name, "is given more than once")).collect();
    match Fields::read(values) {
        Ok(read) if errors.is_empty() => return Ok(read),
        Ok(_) => {}
        Err(more) => errors.extend(more),
    }
    Err(errors)
}

/// The bytes of a body that is said to be JSON.
pub(crate) async fn json_body(request: Request, BodyTimeout(limit): BodyTimeout) -> Result<Bytes, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(Kind::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    if is_encoded(request.headers()) {
        return Err(Problem::new(
            Kind::UNSUPPORTED_MEDIA_TYPE,
            "the body must come without Content-Encoding",
        ));
    }
    let body = timeout(limit, Bytes::from_request(request, &())).await.map_err(|_| {
        Problem::new(Kind::BODY_TOO_SLOW, format!("the body did not arrive within {limit:?}"))
    })?;
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::BODY_TOO_LARGE, format!("the body must not be longer than {BODY_LIMIT} bytes"))
        }
        _ => Problem::new(Kind::MALFORMED_REQUEST, "the body cannot be read"),
    })
}

/// Whether the body is said to be JSON, or a kind of it such as `application/merge-patch+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

/// Whether the bytes of the body stand for others.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

impl<S: Sync, T: FromFields> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let mut values = Map::new();
        let mut repeated = BTreeSet::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if values.insert(name.clone().into_owned(), value.into()).is_some() {
                repeated.insert(name.into_owned());
            }
        }
        read(values, repeated)
            .map(Self)
            .map_err(|errors| Problem::with_fields(Kind::INVALID_PARAMETERS, errors))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        // The one form that is also answered: others would be other addresses of the same thing.
        id.ok()
            .filter(|Path(text)| text.len() == uuid::fmt::Hyphenated::LENGTH)
            .and_then(|Path(text)| text.parse().ok())
            .map(Self)
            .ok_or_else(|| {
                let expected = "must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057";
                Problem::with_fields(Kind::INVALID_PARAMETERS, vec![FieldError::new("id", expected)])
            })
    }
}
