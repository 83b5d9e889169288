//! Answers to whoever decides whether to restart this process, and whether to send it requests.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
};
pub(crate) use chassis::health::{LIVENESS, READINESS, is_probe};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    database::{Database, DatabaseError, session},
    migrate, openapi,
    problem::{Kind, Problem},
};

/// How often to look whether requests are welcome yet: the database does not tell by itself.
const PERIOD: Duration = Duration::from_millis(50);

/// Names the release that answers, so that whoever rolls one out knows that it is there.
const RELEASE: HeaderName = HeaderName::from_static("x-release");

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
    responses(
        (
            status = OK,
            description = "They are welcome",
            headers(("x-release" = String, description = "The release that answers"))
        ),
        openapi::Anywhere
    )
)]
async fn ready(State(app): State<App>) -> Result<[(HeaderName, HeaderValue); 1], Problem> {
    readiness(&app).await.map(|()| [(RELEASE, app.release)])
}

/// Waits until requests are welcome.
pub(crate) async fn ready_first(app: &App) {
    while readiness(app).await.is_err() {
        sleep(PERIOD).await;
    }
}

async fn readiness(app: &App) -> Result<(), Problem> {
    if !app.lifecycle.is_serving() {
        return Err(Problem::new(Kind::NOT_READY, "the service is stopping"));
    }
    app.readiness.of(&app.database).await.map_err(|reason| Problem::new(Kind::NOT_READY, reason))
}

/// What the database says of itself to all who ask: one of them at a time, so that however many ask, and whoever they
/// are, one connection is taken from the requests.
#[derive(Clone, Default)]
pub(crate) struct Readiness(Arc<Mutex<Option<Answer>>>);

struct Answer {
    asked: Instant,
    result: Result<(), &'static str>,
}

impl Readiness {
    async fn of(&self, database: &Database) -> Result<(), &'static str> {
        let came = Instant::now();
        let mut last = self.0.lock().await;
        // What was asked later than that by another is as good.
        if let Some(answer) = last.as_ref().filter(|answer| answer.asked >= came) {
            return answer.result;
        }
        let answer = Answer { asked: Instant::now(), result: ask(database).await };
        last.insert(answer).result
    }
}

async fn ask(database: &Database) -> Result<(), &'static str> {
    const NOT_MIGRATED: &str = "the database schema is not up to date: run `migrate`";
    let missing = database.run(async |connection| {
        const MISSING: &str = "SELECT count(*) FROM unnest($1) AS needed WHERE NOT EXISTS \
             (SELECT FROM _sqlx_migrations WHERE version = needed AND success)";
        if !session::is_set(connection).await? {
            return Ok(None);
        }
        let missing = sqlx::query_scalar::<_, i64>(MISSING).bind(migrate::versions());
        missing.fetch_one(connection).await.map(Some)
    });
    match missing.await {
        Ok(None) => Err(session::UNSET),
        Ok(Some(0)) => Ok(()),
        Ok(Some(_)) => Err(NOT_MIGRATED),
        Err(error) if error.is_schema_missing() => Err(NOT_MIGRATED),
        Err(DatabaseError::Unavailable(reason)) if reason == session::UNSET => Err(session::UNSET),
        Err(error) => {
            tracing::debug!(reason = %error, "not ready");
            Err("the database does not answer")
        }
    }
}
