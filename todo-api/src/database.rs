//! The connections to PostgreSQL, each use of which is bounded in time.

mod connections;
mod figures;
mod ready;
pub(crate) mod session;

use std::{fmt, time::Duration};

use chassis::{
    problem::{Kind, Problem},
    web::Web,
};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::connections::{Connections, Lease};
use crate::config::DatabaseConfig;
pub(crate) use chassis::database::Reason;

/// How much longer than the server the client waits for a statement: the server's own answer says more.
const GRACE: Duration = Duration::from_millis(200);

/// After how long a silent client is dead to the server, which then ends what the client began. In seconds.
const SERVER_PATIENCE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];

/// How long to wait until a server that may be starting is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Tells the migrations' triggers that whoever writes through this connection announces it afterwards.
const ANNOUNCES_LATER: (&str, &str) = ("todo_api.announces", "later");

/// A statement is planned once a connection, with what is known of its tables then. A plan that was made while a table was
/// empty, as the outbox mostly is, reads all of it for each row until the table is analyzed; all that is asked for while the
/// service runs has an index, in the triggers, too. What is planned without one must not be compiled for its seeming cost.
const BY_INDEX: [(&str, &str); 2] = [("enable_seqscan", "off"), ("jit", "off")];

/// A pool of connections, opened when they are needed.
#[derive(Clone)]
pub(crate) struct Database {
    connections: Connections,
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
    config.application_name(env!("CARGO_PKG_NAME")).options([session::MARK]).disable_statement_logging()
}

/// One connection and how it was made, for what happens once. Unlike a pool it says why there is none, and it waits for a server that is
/// about to be there: its name may be resolved later than this process starts, or it is being restarted, and its port
/// is open some time before it lets anybody in.
pub(crate) async fn connect(config: DatabaseConfig) -> Result<(PgConnection, PgConnectOptions), String> {
    let limit = config.acquire_timeout;
    let options = options(config.url.reveal());
    let until = Instant::now() + limit;
    loop {
        match timeout_at(until, options.connect()).await {
            Ok(Err(error)) if may_pass(&error) && Instant::now() + AGAIN < until => sleep(AGAIN).await,
            Ok(Ok(connection)) => return Ok((connection, options)),
            Ok(Err(error)) if session::refuses_settings(&error) => {
                let why = format!("{} ({})", session::UNSET, Reason(&error));
                return Err(format!("cannot connect to the database: {why}. {}", session::UNPOOLED));
            }
            Ok(Err(error)) => return Err(format!("cannot connect to the database: {}", Reason(&error))),
            Err(_) => return Err(format!("cannot connect to the database: no answer within {limit:?}")),
        }
    }
}

/// Whether there is no server at present, or one that cannot let anybody in now: while it starts or stops (57P03).
fn may_pass(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_))
        || error.as_database_error().is_some_and(|refusal| refusal.code().as_deref() == Some("57P03"))
}

impl Database {
    /// Connects later, on first use: the service starts without its database, too.
    pub(crate) fn connect_lazily(config: DatabaseConfig) -> Self {
        Self::with(config, &[&[ANNOUNCES_LATER], &BY_INDEX[..]].concat())
    }

    /// Makes it part of a web process: its requests are welcome only while the database is as this binary needs it, and
    /// one of the connections is left for who listens for changes.
    pub(crate) fn attach(web: &mut Web, config: DatabaseConfig) -> Self {
        web.holds_open(usize::try_from(config.max_connections).unwrap_or(usize::MAX));
        let database =
            Self::connect_lazily(DatabaseConfig { max_connections: config.max_connections - 1, ..config });
        figures::register(web.metrics(), &database);
        let asked = database.clone();
        web.ready_when(move || {
            let asked = asked.clone();
            async move { ready::ask(&asked).await }
        });
        // Politeness to the database, no more: its connections end with the process anyway.
        let closed = database.clone();
        web.at_end(async move { closed.close().await });
        database
    }

    /// For a one-off process, which leaves announcing to the triggers.
    pub(crate) fn of_one_off(config: DatabaseConfig, settings: &[(&str, &str)]) -> Self {
        Self::with(config, settings)
    }

    fn with(config: DatabaseConfig, settings: &[(&str, &str)]) -> Self {
        // Zero would switch it off.
        let statement_timeout = format!("{}ms", config.statement_timeout.as_millis().max(1));
        // What a lost client leaves in the middle would hold its locks.
        let between_statements = ("idle_in_transaction_session_timeout", statement_timeout.clone());
        let options = options(config.url.reveal())
            .options([("statement_timeout", statement_timeout), between_statements])
            .options(SERVER_PATIENCE)
            .options(settings.iter().copied());
        let connections = Connections::new(options, config.max_connections, config.acquire_timeout);
        Self { connections, limit: config.statement_timeout + GRACE }
    }

    /// Runs one statement. Its connection is closed, not reused, if there is no answer in time.
    pub(crate) async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, DatabaseError> {
        let held = self.connections.acquire().await.map_err(DatabaseError::Unavailable)?;
        let mut lease = Lease::default();
        let result = timeout(self.limit, statement(lease.hold(held)))
            .await
            .map_err(|_| DatabaseError::Unavailable("no answer in time".into()))?;
        // The server has said its last word, or refuses to.
        match result {
            Ok(_) => lease.give_back(),
            Err(sqlx::Error::Database(_)) => lease.clear_up(self.limit),
            Err(_) => drop(lease),
        }
        result.map_err(DatabaseError::from)
    }

    /// How its connections are made.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.connections.options().clone()
    }

    /// How many connections there are, and how many of them are idle.
    pub(crate) fn connections(&self) -> (i64, i64) {
        let (all, idle) = self.connections.count();
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        (number(all), number(idle))
    }

    /// How many there may be.
    pub(crate) fn max_connections(&self) -> u32 {
        self.connections.most()
    }

    /// Closes the connections that are idle; the others close when they are returned.
    pub(crate) async fn close(&self) {
        self.connections.close().await;
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
            Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed => {
                Self::Unavailable(Reason(&error).to_string())
            }
            Database(refusal) if refusal.code().is_some_and(|code| is_transient(&code)) => {
                Self::Unavailable(Reason(&error).to_string())
            }
            _ => Self::Refused(error),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => formatter.write_str(reason),
            Self::Refused(error) => Reason(error).fmt(formatter),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) => {
                tracing::warn!(reason, "the database is unavailable");
                Self::new(
                    Kind::DATABASE_UNAVAILABLE,
                    "the database does not answer at present; try again soon",
                )
            }
            error if error.is_schema_missing() => {
                tracing::warn!(reason = %error, "the database schema is missing or too old");
                Self::new(Kind::DATABASE_UNAVAILABLE, "the database is not set up yet; try again soon")
            }
            DatabaseError::Refused(error) => {
                tracing::error!(error = %Reason(&error), "the database refused a statement");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chassis::config::Secret;

    use super::*;

    #[tokio::test]
    async fn a_server_that_is_not_there_is_waited_for_and_then_given_up() {
        let limit = 3 * AGAIN;
        let config = DatabaseConfig {
            url: Secret::new("postgres://user:canary@127.0.0.1:1/todos".parse().unwrap()),
            max_connections: 2,
            acquire_timeout: limit,
            statement_timeout: limit,
        };
        let asked = Instant::now();
        let error = connect(config).await.unwrap_err();
        assert!(asked.elapsed() >= 2 * AGAIN, "{:?}", asked.elapsed());
        assert!(
            error.starts_with("cannot connect to the database: ") && !error.contains("canary"),
            "{error}"
        );
    }
}
