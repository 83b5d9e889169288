//! Admission of requests: so many at once, and so many a second of each client. A client that sends more is told to
//! come again, instead of making all others wait.
//!
//! A request holds its place until its answer is sent or given up: as long as the answer is in memory.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    response::{IntoResponse, Response},
    routing::Route,
};
use governor::{DefaultKeyedRateLimiter, Quota};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use crate::{
    layer,
    problem::{Kind, Problem},
};

/// After how many requests those clients are forgotten who did not come again.
const FORGET_EVERY: u32 = 4096;

/// Who may come in at present; every clone sees the same.
#[derive(Clone)]
pub struct Admission {
    at_once: Arc<Semaphore>,
    rate: Option<Arc<Rate>>,
}

struct Rate {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    count: AtomicU32,
}

/// The address that a request comes from: the socket's, for what a header says anybody can write.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Peer(IpAddr);

impl Peer {
    /// Takes only the /64 prefix of an IPv6 address: a client that has one address has all with that prefix.
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl Admission {
    /// So many requests at once, and so many a second of each client.
    pub fn new(at_once: usize, rate: Option<NonZeroU32>) -> Self {
        let rate = rate.map(|rate| {
            let limiter = DefaultKeyedRateLimiter::dashmap(Quota::per_second(rate));
            Arc::new(Rate { limiter, count: AtomicU32::new(0) })
        });
        Self { at_once: Arc::new(Semaphore::new(at_once)), rate }
    }

    /// Around routes that only so many may use at once: lets each request in, or says when to come again.
    pub fn layer(
        &self,
    ) -> impl Layer<
        Route,
        Service: Service<Request, Response = Response, Error = Infallible, Future: Send>
                     + Clone
                     + Send
                     + Sync,
    > + Clone
    + Send
    + Sync
    + use<> {
        let admission = self.clone();
        layer::of(move |route, request| {
            let admitted = admission.admit(&request).map(|place| (route.call(request), place));
            async move {
                match admitted {
                    Ok((answer, place)) => {
                        let Ok(response) = answer.await;
                        response.map(|body| Body::new(Held { body, place }))
                    }
                    Err(problem) => problem.into_response(),
                }
            }
        })
    }

    fn admit(&self, request: &Request) -> Result<Place, Problem> {
        let peer = request.extensions().get::<Peer>();
        if let (Some(rate), Some(peer)) = (&self.rate, peer)
            && !rate.allows(*peer)
        {
            return Err(Problem::new(Kind::TOO_MANY_REQUESTS, "you ask too often; try again soon"));
        }
        match self.at_once.clone().try_acquire_owned() {
            Ok(place) => Ok(Place(Arc::new(place))),
            Err(_) => Err(Problem::new(Kind::OVERLOADED, "too many requests at once; try again soon")),
        }
    }
}

impl Rate {
    fn allows(&self, peer: Peer) -> bool {
        if self.count.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&peer.0).is_ok()
    }
}

/// A place among the requests, free again when the last clone is dropped.
#[derive(Clone)]
struct Place(#[expect(dead_code, reason = "it is there to be dropped")] Arc<OwnedSemaphorePermit>);

/// A body that holds a place.
struct Held {
    body: Body,
    place: Place,
}

/// Bytes that hold a place: they outlive their body, in the buffers of a connection whose client reads slowly.
struct HeldBytes {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let held = |bytes| Bytes::from_owner(HeldBytes { bytes, _place: self.place.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_ipv4_address_itself() {
        let peer = |text: &str| Peer::new(text.parse().unwrap()).0;
        assert_eq!(peer("2001:db8::1:2:3:4"), peer("2001:db8::"));
        assert_ne!(peer("2001:db8:0:1::"), peer("2001:db8::"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }

    #[test]
    fn clients_are_forgotten() {
        let admission = Admission::new(1, NonZeroU32::new(1000));
        let rate = admission.rate.unwrap();
        for number in 0..20 * FORGET_EVERY {
            rate.allows(Peer::new(IpAddr::V4(number.into())));
        }
        // Whether a millisecond is over depends on the machine; that they do not pile up does not.
        assert!(rate.limiter.len() < 10 * FORGET_EVERY as usize, "{}", rate.limiter.len());
    }
}
