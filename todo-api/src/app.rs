//! What the handlers share.

use std::time::Duration;

use axum::http::HeaderValue;

use crate::{
    database::Database,
    events::{Announcer, Hub},
    health::Readiness,
    lifecycle::Lifecycle,
};

/// The web process as its handlers see it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) announcer: Announcer,
    pub(crate) events: Hub,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) readiness: Readiness,
    /// The release that this process belongs to.
    pub(crate) release: HeaderValue,
    /// How long a request's body may take to arrive.
    pub(crate) body_timeout: Duration,
}
