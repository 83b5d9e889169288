//! Which pages of other origins may use the API: none, unless the config names them.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

/// How long a browser may remember what it was allowed.
const MAX_AGE: Duration = Duration::from_mins(10);

/// Allows these origins all that the API can do. It knows no cookies, and takes none from elsewhere either.
pub(crate) fn layer(origins: Vec<HeaderValue>) -> CorsLayer {
    let own = [HeaderName::from_static("idempotency-key"), HeaderName::from_static("x-request-id")];
    let [_, request_id] = own.clone();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(
            own.into_iter()
                .chain([
                    header::CONTENT_TYPE,
                    header::IF_MATCH,
                    header::IF_NONE_MATCH,
                    HeaderName::from_static("traceparent"),
                ])
                .collect::<Vec<_>>(),
        )
        .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, request_id])
        .max_age(MAX_AGE)
}
