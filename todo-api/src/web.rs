//! The web process: what is served, and what that depends on.

use axum::middleware::from_fn_with_state;
use chassis::{Outcome, admission, web::Web};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App,
    config::WebConfig,
    database::Database,
    events::{self, Live},
    openapi::Api,
    page, todos,
    worker::figures,
};

/// All routes, with what they share.
pub(crate) fn build(web: &mut Web, config: WebConfig) -> Outcome<OpenApiRouter> {
    let WebConfig { database, max_streams } = config;
    // Whoever asks for anything else is not to find all places taken.
    let streams = usize::try_from(max_streams)?.min(web.max_connections() * 3 / 4);
    let patience = events::Patience::with(database.statement_timeout);
    let database = Database::attach(web, database);
    let events = Live::start(web, &database, streams, patience);
    figures::register(web.metrics(), &database);
    let app = App { database, events, lifecycle: web.lifecycle().clone(), body_timeout: web.body_timeout() };
    // Whoever watches holds no place among the requests, but one of its own.
    let limited = todos::routes().layer(from_fn_with_state(web.admission(), admission::admit));
    Ok(OpenApiRouter::with_openapi(Api::openapi())
        .merge(limited)
        .merge(events::routes())
        .merge(page::routes().into())
        .with_state(app))
}
