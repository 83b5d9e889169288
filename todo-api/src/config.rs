//! The configuration: environment variables, each declared once.

use std::time::Duration;

use axum::http::Uri;
use chassis::{
    config::{Integer, Need, Reader, Secret, Span, Variable},
    database::PostgresUrl,
    webhook::{Signer, WebhookSecret, WebhookUrl},
};

const DATABASE_URL: Variable<PostgresUrl> =
    Variable::new("DATABASE_URL", PostgresUrl, Need::Secret, "the PostgreSQL database");
const DATABASE_MAX_CONNECTIONS: Variable<Integer<u32>> = Variable::new(
    "DATABASE_MAX_CONNECTIONS",
    Integer::new(2, 1000),
    Need::Default("10"),
    "how many database connections one process may hold, of which web listens for changes on one",
);
const DATABASE_ACQUIRE_TIMEOUT: Variable<Span> = Variable::new(
    "DATABASE_ACQUIRE_TIMEOUT",
    Span,
    Need::Default("500ms"),
    "how long to wait for a database connection, connecting included",
);
const DATABASE_STATEMENT_TIMEOUT: Variable<Span> = Variable::new(
    "DATABASE_STATEMENT_TIMEOUT",
    Span,
    Need::Default("1s"),
    "how long one SQL statement may take",
);
const EVENTS_MAX_STREAMS: Variable<Integer<u32>> = Variable::new(
    "EVENTS_MAX_STREAMS",
    Integer::new(0, 100_000),
    Need::Default("750"),
    "how many clients may watch changes through one process at once; no more than three quarters of MAX_CONNECTIONS",
);
const WEBHOOK_URL: Variable<WebhookUrl> = Variable::new(
    "WEBHOOK_URL",
    WebhookUrl,
    Need::OptionalSecret,
    "where the worker sends what happens to todos and what is due; it delivers nothing if not set",
);
const WEBHOOK_SECRET: Variable<WebhookSecret> = Variable::new(
    "WEBHOOK_SECRET",
    WebhookSecret,
    Need::OptionalSecret,
    "what deliveries are signed with after Standard Webhooks; must be set if WEBHOOK_URL is",
);
const WEBHOOK_ATTEMPTS: Variable<Integer<u16>> = Variable::new(
    "WEBHOOK_ATTEMPTS",
    Integer::new(1, 100),
    Need::Default("12"),
    "how often to try a delivery, with growing pauses, before it is given up",
);

/// What the database needs, whichever process uses it.
pub(crate) struct DatabaseConfig {
    pub(crate) url: Secret<sqlx::postgres::PgConnectOptions>,
    pub(crate) max_connections: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
}

/// What `web` needs besides.
pub(crate) struct WebConfig {
    pub(crate) database: DatabaseConfig,
    pub(crate) max_streams: u32,
}

/// What `worker` needs besides.
pub(crate) struct WorkerConfig {
    pub(crate) database: DatabaseConfig,
    pub(crate) webhook: Option<(Uri, Signer)>,
    pub(crate) attempts: i32,
}

/// How long a one-off process waits for a connection at least: nobody waits for an answer in the meantime, and to give
/// up costs a deploy its migration.
const ONE_OFF_PATIENCE: Duration = Duration::from_secs(10);

// Everything is read before the first `?`, so that everything wrong is reported.

impl DatabaseConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let url = from.read(&DATABASE_URL);
        let max_connections = from.read(&DATABASE_MAX_CONNECTIONS);
        let acquire_timeout = from.read(&DATABASE_ACQUIRE_TIMEOUT);
        let statement_timeout = from.read(&DATABASE_STATEMENT_TIMEOUT);
        Some(Self {
            url: Secret::new(url?),
            max_connections: max_connections?,
            acquire_timeout: acquire_timeout?,
            statement_timeout: statement_timeout?,
        })
    }

    /// The same for a one-off process.
    pub(crate) fn read_for_one_off(from: &mut Reader) -> Option<Self> {
        let config = Self::read(from)?;
        Some(Self { acquire_timeout: config.acquire_timeout.max(ONE_OFF_PATIENCE), ..config })
    }
}

impl WebConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = DatabaseConfig::read(from);
        let max_streams = from.read(&EVENTS_MAX_STREAMS);
        Some(Self { database: database?, max_streams: max_streams? })
    }
}

impl WorkerConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = DatabaseConfig::read(from);
        let webhook = from.read_together(&WEBHOOK_URL, &WEBHOOK_SECRET);
        let attempts = from.read(&WEBHOOK_ATTEMPTS);
        Some(Self { database: database?, webhook: webhook?, attempts: attempts?.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://user:canary@localhost/todos";

    fn load<C>(read: fn(&mut Reader) -> Option<C>, variables: &[(&str, &str)]) -> Result<C, String> {
        Reader::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
            .load(read)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_fill_what_is_not_set() {
        let config = load(DatabaseConfig::read, &[("DATABASE_URL", URL)]).unwrap();
        assert_eq!(config.max_connections, 10);
        assert_eq!(config.acquire_timeout, Duration::from_millis(500));
        assert_eq!(config.statement_timeout, Duration::from_secs(1));
    }

    #[test]
    fn one_off_processes_wait_longer() {
        let one_off = load(DatabaseConfig::read_for_one_off, &[("DATABASE_URL", URL)]).unwrap();
        assert_eq!(one_off.acquire_timeout, Duration::from_secs(10), "nobody waits for it");
    }

    #[test]
    fn each_kind_refuses_what_is_out_of_its_range() {
        for (name, value) in [
            ("DATABASE_URL", "mysql://user:canary@localhost/todos"),
            ("DATABASE_URL", "canary"),
            ("DATABASE_MAX_CONNECTIONS", "1"),
            ("DATABASE_MAX_CONNECTIONS", "1001"),
        ] {
            // The last one counts.
            let variables = [("DATABASE_URL", URL), (name, value)];
            let error = load(DatabaseConfig::read, &variables)
                .err()
                .unwrap_or_else(|| panic!("{name}={value} passed"));
            assert!(error.starts_with(name) && error.lines().count() == 1, "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
