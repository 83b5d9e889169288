//! What the handlers share.

use axum::extract::FromRef;
use chassis::{database::Database, events::Live, extract::BodyTimeout};

use crate::todos::Change;

/// The web process as its handlers see it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) events: Live<Change>,
    pub(crate) body_timeout: BodyTimeout,
}

impl FromRef<App> for BodyTimeout {
    fn from_ref(app: &App) -> Self {
        app.body_timeout
    }
}
