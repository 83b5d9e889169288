//! What happens around every request: its id, its trace, its log line, its time limit, and what all answers have in common.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    health,
    lifecycle::Lifecycle,
    metrics::Requests,
    problem::{Kind, Problem},
    trace::Step,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Browsers may load nothing from elsewhere, show nothing elsewhere, use no device, and guess nothing; pages for people
/// say themselves what they need. That they come by TLS alone (Strict-Transport-Security) is for whoever ends TLS in
/// front of this to say.
const SECURITY_HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Gives the request an id and writes its line in the log.
pub(crate) async fn observe(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("unmatched", MatchedPath::as_str);

    let Step { trace, span } = Step::after(request.headers());
    let (trace_id, span_id) = (trace.to_string(), span.to_string());
    let id_text = id.to_str().unwrap_or_default();
    let span = tracing::error_span!("request", request_id = id_text, trace_id, span_id);
    let mut response = next.run(request).instrument(span).await;

    let status = response.status().as_u16();
    let took = started.elapsed();
    requests.answered(&method, path, status, took);
    // To the microsecond; more digits would be noise.
    let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                %method, path, status, duration_ms, request_id = id_text, trace_id, span_id, "request"
            )
        };
    }
    match status {
        // Probes come every few seconds, and who probes knows the answer.
        _ if health::is_probe(path) => log!(debug),
        500.. => log!(error),
        _ => log!(info),
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The client's own id for the request if it can be written in a log, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(|| {
        HeaderValue::try_from(Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// Sets the headers that all answers have in common.
pub(crate) async fn finish(State(lifecycle): State<Lifecycle>, request: Request, next: Next) -> Response {
    if !health::is_probe(request.uri().path()) && !lifecycle.is_serving() {
        lifecycle.heard_late();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Kept, but never shown without asking whether it is still so.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    if !lifecycle.is_serving() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Answers in time, and also when the handler panics.
pub(crate) async fn guard(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        // The panic hook has logged it.
        Ok(Err(_)) => Problem::internal().into_response(),
        Err(_) => Problem::new(Kind::TIMED_OUT, "the request took too long; try again soon").into_response(),
    }
}
