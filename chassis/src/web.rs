//! The web process: what is around a service's routes, and how they start and stop.

mod config;
mod router;
mod serve;

use futures_util::future::BoxFuture;

pub use self::router::Routes;
pub(crate) use self::{
    config::{BIND_ADDRESS, WebConfig},
    serve::run,
};
use crate::{
    Identity, admission::Admission, extract::BodyTimeout, health::Check, lifecycle::Lifecycle,
    metrics::Metrics,
};

/// A web process that is being put together: what a service's routes are made with, and what it adds to the process.
pub struct Web {
    service: Identity,
    config: WebConfig,
    lifecycle: Lifecycle,
    metrics: Metrics,
    checks: Vec<Check>,
    ends: Vec<BoxFuture<'static, ()>>,
    files: usize,
}

impl Web {
    fn new(service: Identity, config: WebConfig) -> Self {
        let metrics = Metrics::new(service, &config.release);
        let (checks, ends) = (Vec::new(), Vec::new());
        Self { service, config, lifecycle: Lifecycle::new(), metrics, checks, ends, files: 0 }
    }

    /// Whose process it is.
    pub fn service(&self) -> Identity {
        self.service
    }

    /// The release that the process belongs to.
    #[cfg(feature = "postgres")]
    pub(crate) fn release(&self) -> &str {
        &self.config.release
    }

    /// Where the process is in its life.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The figures, for a service to add its own.
    pub fn metrics(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// Who is let in at present: its [`layer`](Admission::layer) is for those routes that only so many may use at once.
    pub fn admission(&self) -> Admission {
        self.config.admission.clone()
    }

    /// How long a request's body may take to arrive: part of the state of routes that take one.
    pub fn body_timeout(&self) -> BodyTimeout {
        BodyTimeout(self.config.body_timeout)
    }

    /// How many clients may be served at once.
    pub fn max_connections(&self) -> usize {
        self.config.limits.connections
    }

    /// Adds a readiness check. Requests are welcome only while it succeeds; its error tells the probe why they are not.
    pub fn ready_when<F>(&mut self, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), &'static str>> + Send + 'static,
    {
        self.checks.push(Box::new(move || Box::pin(check())));
    }

    /// Has something done after the last answer, for as long as there is time. What was added last is done first: it may
    /// need what was there before.
    pub fn at_end(&mut self, end: impl Future<Output = ()> + Send + 'static) {
        self.ends.push(Box::pin(end));
    }

    /// Says that so many files or connections are open besides those of clients.
    pub fn holds_open(&mut self, files: usize) {
        self.files += files;
    }
}
