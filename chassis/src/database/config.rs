//! Where the database is, and how long to wait for it.

use std::time::Duration;

use super::{options::ConnectOptions, url::PostgresUrl};
use crate::config::{Integer, Need, Reader, Secret, Span, Variable};

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

/// How long a one-off process waits for a connection at least: nobody waits for an answer in the meantime, and to give
/// up costs a deploy its migration.
const ONE_OFF_PATIENCE: Duration = Duration::from_secs(10);

/// Where the database is, how many connections to it there may be, and how long to wait for it.
pub struct DatabaseConfig {
    pub(crate) url: Secret<ConnectOptions>,
    pub(crate) max_connections: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) settings: Vec<(String, String)>,
}

impl DatabaseConfig {
    /// Reads `DATABASE_URL`, `DATABASE_MAX_CONNECTIONS`, `DATABASE_ACQUIRE_TIMEOUT` and `DATABASE_STATEMENT_TIMEOUT`.
    pub fn read(from: &mut Reader) -> Option<Self> {
        let url = from.read(&DATABASE_URL);
        let max_connections = from.read(&DATABASE_MAX_CONNECTIONS);
        let acquire_timeout = from.read(&DATABASE_ACQUIRE_TIMEOUT);
        let statement_timeout = from.read(&DATABASE_STATEMENT_TIMEOUT);
        Some(Self {
            url: Secret::new(url?),
            max_connections: max_connections?,
            acquire_timeout: acquire_timeout?,
            statement_timeout: statement_timeout?,
            settings: Vec::new(),
        })
    }

    /// The same for a one-off process, which waits longer.
    pub fn read_for_one_off(from: &mut Reader) -> Option<Self> {
        let config = Self::read(from)?;
        Some(Self { acquire_timeout: config.acquire_timeout.max(ONE_OFF_PATIENCE), ..config })
    }

    /// Sets one of the server's settings for each connection.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves one of the connections to another use than the pool's.
    #[must_use]
    pub fn leaving_one(self) -> Self {
        Self { max_connections: self.max_connections.saturating_sub(1).max(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://user:canary@localhost/pets";

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
            ("DATABASE_URL", "mysql://user:canary@localhost/pets"),
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
