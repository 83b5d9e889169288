//! A layer that is one function.
//!
//! What axum's `from_fn` makes of a function costs each request several allocations: it boxes what the layer is around, and
//! the future.

use std::convert::Infallible;

use axum::{extract::Request, response::Response, routing::Route};
use futures_util::FutureExt;
use tower::{Layer, Service, layer::layer_fn, service_fn};

/// Answers requests by this function, which is given the route that it is around.
pub(crate) fn of<A>(
    answer: impl Fn(&mut Route, Request) -> A + Clone + Send + Sync + 'static,
) -> impl Layer<
    Route,
    Service: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync,
> + Clone
+ Send
+ Sync
where
    A: Future<Output = Response> + Send + 'static,
{
    layer_fn(move |mut route: Route| {
        let answer = answer.clone();
        service_fn(move |request| answer(&mut route, request).map(Ok))
    })
}
