//! The configuration: environment variables, described by the one table below.

mod duration;
mod reader;
mod secret;
mod variable;

use std::{net::SocketAddr, time::Duration};

use tracing::Level;

use self::variable::{Address, Choice, Described, Integer, Need, PostgresUrl, Span, Variable};
pub(crate) use self::{reader::Reader, secret::Secret, variable::Description};

/// Turns the table into one constant per variable and the list of them all, so that neither can be without the other.
macro_rules! variables {
    ($($name:ident: $kind:ty = $value:expr, $need:expr, $help:literal;)*) => {
        $(const $name: Variable<$kind> = Variable { name: stringify!($name), kind: $value, need: $need, help: $help };)*

        /// Every variable, in the order people read about them.
        pub(crate) const VARIABLES: &[&dyn Described] = &[$(&$name),*];
    };
}

variables! {
    DATABASE_URL: PostgresUrl = PostgresUrl, Need::Secret,
        "the PostgreSQL database";
    PORT: Integer<u16> = Integer::new(0, 65535), Need::Required,
        "the TCP port to listen on; 0 takes any free port, see the first log line";
    BIND_ADDRESS: Address = Address, Need::Default("0.0.0.0"),
        "the address to listen on";
    LOG_LEVEL: Choice<Level> = Choice(LEVELS), Need::Default("info"),
        "the least severe events to log";
    DATABASE_MAX_CONNECTIONS: Integer<u32> = Integer::new(1, 1000), Need::Default("10"),
        "how many database connections one process may hold";
    DATABASE_ACQUIRE_TIMEOUT: Span = Span, Need::Default("2s"),
        "how long to wait for a database connection, connecting included";
    DATABASE_STATEMENT_TIMEOUT: Span = Span, Need::Default("1500ms"),
        "how long one SQL statement may take";
    REQUEST_TIMEOUT: Span = Span, Need::Default("10s"),
        "how long one request may take";
    DRAIN_DELAY: Span = Span, Need::Default("3s"),
        "how long to go on serving after SIGTERM, until no new requests are sent here";
    SHUTDOWN_TIMEOUT: Span = Span, Need::Default("10s"),
        "how long stopping may take, DRAIN_DELAY included";
}

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// What the database needs, whichever process uses it.
pub(crate) struct DatabaseConfig {
    pub(crate) url: Secret<sqlx::postgres::PgConnectOptions>,
    pub(crate) max_connections: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) statement_timeout: Duration,
}

/// What `web` needs.
pub(crate) struct WebConfig {
    pub(crate) address: SocketAddr,
    pub(crate) log_level: Level,
    pub(crate) database: DatabaseConfig,
    pub(crate) request_timeout: Duration,
    pub(crate) drain_delay: Duration,
    pub(crate) shutdown_timeout: Duration,
}

/// What `migrate` needs.
pub(crate) struct MigrateConfig {
    pub(crate) log_level: Level,
    pub(crate) database: DatabaseConfig,
}

// Everything is read before the first `?`, so that everything wrong is reported.

impl DatabaseConfig {
    fn read(from: &mut Reader) -> Option<Self> {
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
}

impl WebConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = DatabaseConfig::read(from);
        let port = from.read(&PORT);
        let address = from.read(&BIND_ADDRESS);
        let log_level = from.read(&LOG_LEVEL);
        let request_timeout = from.read(&REQUEST_TIMEOUT);
        let drain_delay = from.read(&DRAIN_DELAY);
        let shutdown_timeout = from.read(&SHUTDOWN_TIMEOUT);
        Some(Self {
            address: SocketAddr::new(address?, port?),
            log_level: log_level?,
            database: database?,
            request_timeout: request_timeout?,
            drain_delay: drain_delay?,
            shutdown_timeout: shutdown_timeout?,
        })
    }
}

impl MigrateConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = DatabaseConfig::read(from);
        let log_level = from.read(&LOG_LEVEL);
        Some(Self { log_level: log_level?, database: database? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://user:canary@localhost/todos";

    fn load<C>(read: fn(&mut Reader) -> Option<C>, variables: &[(&str, &str)]) -> Result<C, String> {
        Reader::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
            .load(read)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_fill_what_is_not_set() {
        let config =
            load(WebConfig::read, &[("DATABASE_URL", URL), ("PORT", "0"), ("LOG_LEVEL", "")]).unwrap();
        assert_eq!(config.address, "0.0.0.0:0".parse().unwrap());
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.database.max_connections, 10);
        assert_eq!(config.database.acquire_timeout, Duration::from_secs(2));
        assert_eq!(config.database.statement_timeout, Duration::from_millis(1500));
        assert_eq!(config.drain_delay, Duration::from_secs(3));
    }

    #[test]
    fn every_default_is_a_value_its_variable_accepts() {
        assert!(load(WebConfig::read, &[("DATABASE_URL", URL), ("PORT", "80")]).is_ok());
    }

    #[test]
    fn migrate_needs_no_port() {
        assert!(load(MigrateConfig::read, &[("DATABASE_URL", URL)]).is_ok());
    }

    #[test]
    fn each_kind_refuses_what_is_out_of_its_range() {
        for (name, value) in [
            ("DATABASE_URL", "mysql://user:canary@localhost/todos"),
            ("DATABASE_URL", "canary"),
            ("PORT", "65536"),
            ("PORT", "-1"),
            ("PORT", "+1"),
            ("BIND_ADDRESS", "localhost"),
            ("LOG_LEVEL", "loud"),
            ("DATABASE_MAX_CONNECTIONS", "0"),
            ("DATABASE_MAX_CONNECTIONS", "1001"),
            ("REQUEST_TIMEOUT", "10"),
        ] {
            let mut variables = vec![("DATABASE_URL", URL), ("PORT", "80")];
            variables.retain(|(other, _)| *other != name);
            variables.push((name, value));
            let error =
                load(WebConfig::read, &variables).err().unwrap_or_else(|| panic!("{name}={value} passed"));
            assert!(error.starts_with(name) && error.lines().count() == 1, "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
