//! What the handlers share.

use crate::{database::Database, lifecycle::Lifecycle};

/// The web process as its handlers see it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) lifecycle: Lifecycle,
}
