//! The connections to PostgreSQL, each use of which is bounded in time.

use std::{fmt, time::Duration};

use sqlx::{
    ConnectOptions, PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{
    config::DatabaseConfig,
    problem::{Kind, Problem},
};

/// How much longer than the server the client waits for a statement: the server's own answer says more.
const GRACE: Duration = Duration::from_millis(500);

/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// How long any connection is kept, so that the load moves to where it should after a failover.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// A pool of connections, opened when they are needed.
#[derive(Clone)]
pub(crate) struct Database {
    pool: PgPool,
    limit: Duration,
}

/// Why the database gave no answer.
#[derive(Debug)]
pub(crate) enum DatabaseError {
    /// It cannot be reached or cannot serve at present; trying again may help.
    Unavailable(String),
    /// It refused what it was asked: a mistake of ours.
    Refused(sqlx::Error),
}

/// How to connect, for any process.
pub(crate) fn options(config: PgConnectOptions) -> PgConnectOptions {
    config.application_name(env!("CARGO_PKG_NAME")).disable_statement_logging()
}

impl Database {
    /// Connects later, on first use: the service starts without its database, too.
    pub(crate) fn connect_lazily(config: DatabaseConfig) -> Self {
        // Zero would switch it off.
        let statement_timeout = format!("{}ms", config.statement_timeout.as_millis().max(1));
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .idle_timeout(IDLE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            // Costs a round trip, but a restart of the database goes by unnoticed.
            .test_before_acquire(true)
            .connect_lazy_with(
                options(config.url.reveal()).options([("statement_timeout", statement_timeout)]),
            );
        Self { pool, limit: config.statement_timeout + GRACE }
    }

    /// Runs one statement. Its connection is closed, not reused, if there is no answer in time.
    pub(crate) async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, DatabaseError> {
        let connection =
            self.pool.acquire().await.map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        let mut lease = Lease(None);
        let result = timeout(self.limit, statement(lease.0.insert(connection)))
            .await
            .map_err(|_| DatabaseError::Unavailable("no answer in time".into()))?;
        if matches!(result, Ok(_) | Err(sqlx::Error::Database(_))) {
            // Back to the pool: the server has said its last word.
            drop(lease.0.take());
        }
        result.map_err(DatabaseError::from)
    }

    /// Closes the connections, once they are returned.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection that is closed when dropped, as happens when a request is given up in the middle of a statement. Left
/// to itself the pool would wait for that statement's end, which never comes if the network swallows it.
struct Lease(Option<PoolConnection<Postgres>>);

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

impl DatabaseError {
    /// Whether it is a table or column that does not exist: the schema is older than this binary.
    pub(crate) fn is_schema_missing(&self) -> bool {
        matches!(self, Self::Refused(sqlx::Error::Database(error)) if is_missing_schema(error.code().as_deref()))
    }
}

fn is_missing_schema(code: Option<&str>) -> bool {
    matches!(code, Some("42P01" | "42703" | "3F000"))
}

/// Whether the server says that it, rather than the statement, is the reason: connection trouble (08), too few
/// resources (53), an operator's or time-out's doing (57), a standby (25006), locks (40, 55P03), I/O (58).
fn is_transient(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58")) || matches!(code, "25006" | "55P03")
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls};
        match &error {
            Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed => Self::Unavailable(error.to_string()),
            Database(refusal) if refusal.code().is_some_and(|code| is_transient(&code)) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Refused(error),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => formatter.write_str(reason),
            Self::Refused(error) => error.fmt(formatter),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) => {
                tracing::warn!(reason, "the database is unavailable");
                Self::new(
                    Kind::DatabaseUnavailable,
                    "the database does not answer at present; try again soon",
                )
            }
            error if error.is_schema_missing() => {
                tracing::warn!(reason = %error, "the database schema is missing or too old");
                Self::new(Kind::DatabaseUnavailable, "the database is not set up yet; try again soon")
            }
            DatabaseError::Refused(error) => {
                tracing::error!(%error, "the database refused a statement");
                Self::internal()
            }
        }
    }
}
