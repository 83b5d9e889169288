//! Answers to whoever decides whether to restart this process, and whether to send it requests.

use axum::{extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    migrate, openapi,
    problem::{Kind, Problem},
};

/// Where to ask whether the process runs.
pub(crate) const LIVENESS: &str = "/livez";

/// Where to ask whether requests are welcome.
pub(crate) const READINESS: &str = "/readyz";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Whether the process runs
#[utoipa::path(get, path = LIVENESS, tag = "health", responses((status = OK, description = "It runs")))]
async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether requests are welcome
///
/// They are when the database answers, its schema is at least as new as this binary, and the process is not stopping.
#[utoipa::path(
    get,
    path = READINESS,
    tag = "health",
    responses((status = OK, description = "They are welcome"), openapi::Anywhere)
)]
async fn ready(State(app): State<App>) -> Result<StatusCode, Problem> {
    if !app.lifecycle.is_serving() {
        return Err(Problem::new(Kind::NotReady, "the service is stopping"));
    }
    let not_migrated =
        || Problem::new(Kind::NotReady, "the database schema is not up to date: run `migrate`");
    let missing = app.database.run(async |connection| {
        const MISSING: &str = "SELECT count(*) FROM unnest($1) AS needed WHERE NOT EXISTS \
             (SELECT FROM _sqlx_migrations WHERE version = needed AND success)";
        sqlx::query_scalar::<_, i64>(MISSING).bind(migrate::versions()).fetch_one(connection).await
    });
    match missing.await {
        Ok(0) => Ok(StatusCode::OK),
        Ok(_) => Err(not_migrated()),
        Err(error) if error.is_schema_missing() => Err(not_migrated()),
        Err(error) => {
            tracing::debug!(reason = %error, "not ready");
            Err(Problem::new(Kind::NotReady, "the database does not answer"))
        }
    }
}
