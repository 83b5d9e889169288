//! The web process: what is served, and what that depends on.

use chassis::{Outcome, database::Database, events::Live, web::Web};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{app::App, config::WebConfig, migrations::MIGRATIONS, openapi::Api, page, todos, worker::OUTBOX};

/// All routes, with what they share.
#[expect(clippy::unnecessary_wraps, reason = "it is what builds a process, which may fail")]
pub(crate) fn build(web: &mut Web, config: WebConfig) -> Outcome<OpenApiRouter> {
    // One of the connections listens for changes.
    let database = Database::of_web(web, config.database.leaving_one(), MIGRATIONS);
    let events = Live::start(web, &database, &config.live);
    OUTBOX.observe(web, &database);
    let app = App { database, events, body_timeout: web.body_timeout() };
    // A client that watches takes no place among the requests, but one of its own.
    let limited = todos::routes().layer(web.admission().layer());
    Ok(OpenApiRouter::with_openapi(Api::openapi())
        .merge(limited)
        .merge(todos::event_routes())
        .merge(page::routes().into())
        .with_state(app))
}
