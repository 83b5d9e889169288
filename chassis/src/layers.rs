//! What happens around every request: its id, its trace, its log line, its time limit, and what all answers have in common.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::HttpBody,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::Route,
};
use futures_util::FutureExt;
use tokio::time::timeout;
use tower::Service;

use crate::{
    common::CommonHeaders,
    extract, health,
    hosts::Hosts,
    lifecycle::Lifecycle,
    metrics::Requests,
    observation::Observation,
    problem::{Kind, Problem},
};

/// What is around all routes. It is one layer (see [`layer`](crate::layer)): each one more is a copy of all that is within.
pub(crate) struct Layers {
    pub(crate) hosts: Hosts,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) requests: Requests,
    pub(crate) request_timeout: Duration,
    pub(crate) common: CommonHeaders,
}

impl Layers {
    /// Answers a request by its route, if it is for this service.
    pub(crate) fn answer(
        self: Arc<Self>,
        route: &mut Route,
        mut request: Request,
    ) -> impl Future<Output = Response> + Send + use<> {
        let observation = Observation::of(&request);
        if !health::is_probe(request.uri().path()) && !self.lifecycle.is_serving() {
            self.lifecycle.heard_late();
        }
        if !request.body().is_end_stream() {
            DefaultBodyLimit::max(extract::BODY_LIMIT).apply(&mut request);
        }
        let answer = self.hosts.admit(&request).map(|()| route.call(request));
        async move {
            let answer = async {
                match answer {
                    Ok(answer) => guard(self.request_timeout, answer).await,
                    Err(problem) => problem.into_response(),
                }
            };
            let mut response = observation.follow(answer).await;
            self.finish(&mut response);
            observation.log(&mut response, &self.requests);
            response
        }
    }

    /// Sets the headers that all answers have in common.
    fn finish(&self, response: &mut Response) {
        let headers = response.headers_mut();
        self.common.add_to(headers);
        if !self.lifecycle.is_serving() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Answers in time, and also when the handler panics.
async fn guard(limit: Duration, answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
    match timeout(limit, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(Ok(response))) => response,
        // The panic hook has logged it.
        Ok(Err(_)) => Problem::internal().into_response(),
        Err(_) => Problem::new(Kind::TIMED_OUT, "the request took too long; try again soon").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use axum::{Router, body::Body, http::StatusCode, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::{Identity, layer, metrics::Metrics};

    async fn answer(path: &str) -> Response {
        let layers = Arc::new(Layers {
            hosts: Hosts::at(([0, 0, 0, 0], 80).into(), &[]),
            lifecycle: Lifecycle::new(),
            requests: Metrics::new(Identity::new("pets", "1"), "none").requests(),
            request_timeout: Duration::from_millis(20),
            common: CommonHeaders::new(),
        });
        let router = Router::new()
            .route("/panic", get(async || -> () { panic!("on purpose") }))
            .route("/stuck", get(future::pending::<()>))
            .layer(layer::of(move |route, request| layers.clone().answer(route, request)));
        router.oneshot(Request::get(path).header("host", "pets").body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_and_a_stuck_request_are_answered_like_any_other() {
        for (path, status) in
            [("/panic", StatusCode::INTERNAL_SERVER_ERROR), ("/stuck", StatusCode::SERVICE_UNAVAILABLE)]
        {
            let response = answer(path).await;
            let headers = response.headers();
            assert_eq!(response.status(), status);
            assert_eq!(headers["content-type"], "application/problem+json");
            assert!(
                headers.contains_key("x-request-id") && headers["x-frame-options"] == "DENY",
                "{headers:?}"
            );
        }
    }
}
