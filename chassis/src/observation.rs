//! A request as the log, the trace and the figures have it.

use std::time::{Instant, SystemTime};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    response::Response,
};
use tracing::Instrument;
use uuid::{Builder, fmt::Hyphenated};

use crate::{health, log::millis, metrics::Requests, random, trace::Step};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request before it is answered.
pub(crate) struct Observation {
    started: Instant,
    method: Method,
    /// None if there is nothing at its address.
    path: Option<MatchedPath>,
    id: HeaderValue,
    trace_id: String,
    span_id: String,
}

impl Observation {
    pub(crate) fn of(request: &Request) -> Self {
        let Step { trace, span } = Step::after(request.headers());
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.extensions().get().cloned(),
            id: request_id(request.headers()),
            trace_id: trace.to_string(),
            span_id: span.to_string(),
        }
    }

    /// Lets all that is logged on the way to an answer bear its id and its trace.
    pub(crate) fn follow<F: Future>(&self, answer: F) -> impl Future<Output = F::Output> + use<F> {
        let Self { trace_id, span_id, .. } = self;
        let request_id = self.id();
        answer.instrument(tracing::error_span!("request", request_id, trace_id, span_id))
    }

    /// Counts the answer, writes its line, and lets it bear the id.
    pub(crate) fn log(self, response: &mut Response, requests: &Requests) {
        let (status, took) = (response.status().as_u16(), self.started.elapsed());
        requests.answered(&self.method, self.path.clone(), status, took);
        let path = self.path.as_ref().map_or("unmatched", MatchedPath::as_str);
        let (method, request_id) = (self.method.as_str(), self.id());
        let Self { trace_id, span_id, .. } = &self;
        let duration_ms = millis(took);
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(method, path, status, duration_ms, request_id, trace_id, span_id, "request")
            };
        }
        match status {
            // Probes come every few seconds, and who probes knows the answer.
            _ if health::is_probe(path) => log!(debug),
            500.. => log!(error),
            _ => log!(info),
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
    }

    fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }
}

/// The client's own id for the request if it can be written in a log, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(new_id)
}

/// A UUID of version 7.
fn new_id() -> HeaderValue {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let id = Builder::from_unix_timestamp_millis(millis, &random::bytes()).into_uuid();
    let mut text = [0; Hyphenated::LENGTH];
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text))
        .unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_new_id_is_of_now_and_no_other() {
        let id = || new_id().to_str().unwrap().parse::<Uuid>().unwrap();
        let (before, one) = (Uuid::now_v7().get_timestamp().unwrap().to_unix().0, id());
        assert_eq!(one.get_version_num(), 7);
        assert!((before..before + 60).contains(&one.get_timestamp().unwrap().to_unix().0), "{one}");
        assert_ne!(one, id());
    }
}
