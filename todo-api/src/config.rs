//! The configuration: environment variables, each declared once.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use axum::http::{HeaderValue, Uri};
use chassis::{
    config::{Address, HostNames, Integer, LogLevel, Need, Origins, Reader, Secret, Span, Variable, Word},
    database::PostgresUrl,
    webhook::{Signer, WebhookSecret, WebhookUrl},
};
use tracing::Level;

use crate::{
    admission::Admission,
    server::{Limits, Times},
};

const DATABASE_URL: Variable<PostgresUrl> =
    Variable::new("DATABASE_URL", PostgresUrl, Need::Secret, "the PostgreSQL database");
const PORT: Variable<Integer<u16>> = Variable::new(
    "PORT",
    Integer::new(0, 65535),
    Need::Required,
    "the TCP port to listen on; 0 takes any free port, see the first log line",
);
const BIND_ADDRESS: Variable<Address> =
    Variable::new("BIND_ADDRESS", Address, Need::Default("0.0.0.0"), "the address to listen on");
const LOG_LEVEL: Variable<LogLevel> =
    Variable::new("LOG_LEVEL", LogLevel, Need::Default("info"), "the least severe events to log");
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
const REQUEST_TIMEOUT: Variable<Span> =
    Variable::new("REQUEST_TIMEOUT", Span, Need::Default("10s"), "how long one request may take");
const BODY_TIMEOUT: Variable<Span> =
    Variable::new("BODY_TIMEOUT", Span, Need::Default("5s"), "how long a request's body may take to arrive");
const HEAD_TIMEOUT: Variable<Span> =
    Variable::new("HEAD_TIMEOUT", Span, Need::Default("10s"), "how long a request's head may take to arrive");
const ANSWER_TIMEOUT: Variable<Span> = Variable::new(
    "ANSWER_TIMEOUT",
    Span,
    Need::Default("30s"),
    "how long a client may take to read an answer, unless it watches changes",
);
const MAX_CONNECTIONS: Variable<Integer<u32>> = Variable::new(
    "MAX_CONNECTIONS",
    Integer::new(1, 1_000_000),
    Need::Default("1000"),
    "how many clients may be served at once, those who watch changes included; more are answered 503, and the idle give way",
);
const MAX_PER_ADDRESS: Variable<Integer<u32>> = Variable::new(
    "MAX_PER_ADDRESS",
    Integer::new(0, 1_000_000),
    Need::Default("0"),
    "how many of them may have one address; 0 for any number, as behind a proxy, where all have the same",
);
const MAX_REQUESTS: Variable<Integer<u32>> = Variable::new(
    "MAX_REQUESTS",
    Integer::new(1, 1_000_000),
    Need::Default("256"),
    "how many requests to the API may be under way at once, each of which may take 256 KiB of memory until its answer is sent; more are answered 503",
);
const RATE_LIMIT: Variable<Integer<u32>> = Variable::new(
    "RATE_LIMIT",
    Integer::new(0, 1_000_000),
    Need::Default("0"),
    "how many requests a second to the API one address may make, more are answered 429; 0 for any number",
);
const METRICS_PORT: Variable<Integer<u16>> = Variable::new(
    "METRICS_PORT",
    Integer::new(0, 65535),
    Need::Optional,
    "the TCP port for /metrics, in Prometheus's text format; there are none if not set",
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
const ALLOWED_HOSTS: Variable<HostNames> = Variable::new(
    "ALLOWED_HOSTS",
    HostNames,
    Need::Optional,
    "the names by which requests may ask for the service, with commas between them; any if not set, but on a loopback address only names of it",
);
const CORS_ORIGINS: Variable<Origins> = Variable::new(
    "CORS_ORIGINS",
    Origins,
    Need::Optional,
    "the web origins whose pages may use the API, with commas between them; no other may if not set",
);
const DRAIN_DELAY: Variable<Span> = Variable::new(
    "DRAIN_DELAY",
    Span,
    Need::Default("3s"),
    "how long to go on serving after SIGTERM, until no new requests are sent here; while some still come, up to three times as long",
);
const SHUTDOWN_TIMEOUT: Variable<Span> = Variable::new(
    "SHUTDOWN_TIMEOUT",
    Span,
    Need::Default("10s"),
    "how long stopping may take, DRAIN_DELAY included",
);
const RELEASE_ID: Variable<Word> = Variable::new(
    "RELEASE_ID",
    Word,
    Need::Default("none"),
    "the release that the process belongs to, which answers bear; whoever runs the release sets it",
);

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
    /// Where the metrics are to be read, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) log_level: Level,
    pub(crate) database: DatabaseConfig,
    pub(crate) max_streams: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) cors_origins: Vec<HeaderValue>,
    pub(crate) drain_delay: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) release: String,
}

/// What `worker` needs.
pub(crate) struct WorkerConfig {
    pub(crate) log_level: Level,
    pub(crate) database: DatabaseConfig,
    pub(crate) webhook: Option<(Uri, Signer)>,
    pub(crate) attempts: i32,
    pub(crate) shutdown_timeout: Duration,
}

/// What a one-off process needs.
pub(crate) struct AdminConfig {
    pub(crate) log_level: Level,
    pub(crate) database: DatabaseConfig,
}

/// How long a client may take over asking again; longer than proxies keep idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

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
        let port = from.read(&PORT);
        let address = from.read(&BIND_ADDRESS);
        let metrics_port = from.read_optional(&METRICS_PORT);
        let log_level = from.read(&LOG_LEVEL);
        let max_streams = from.read(&EVENTS_MAX_STREAMS);
        let request_timeout = from.read(&REQUEST_TIMEOUT);
        let body_timeout = from.read(&BODY_TIMEOUT);
        let head_timeout = from.read(&HEAD_TIMEOUT);
        let answer_timeout = from.read(&ANSWER_TIMEOUT);
        let max_connections = from.read(&MAX_CONNECTIONS);
        let max_per_address = from.read(&MAX_PER_ADDRESS);
        let max_requests = from.read(&MAX_REQUESTS);
        let rate_limit = from.read(&RATE_LIMIT);
        let allowed_hosts = from.read_optional(&ALLOWED_HOSTS);
        let cors_origins = from.read_optional(&CORS_ORIGINS);
        let drain_delay = from.read(&DRAIN_DELAY);
        let shutdown_timeout = from.read(&SHUTDOWN_TIMEOUT);
        let release = from.read(&RELEASE_ID);
        Some(Self {
            address: SocketAddr::new(address?, port?),
            metrics: metrics_port?.zip(address).map(|(port, address)| SocketAddr::new(address, port)),
            log_level: log_level?,
            database: database?,
            // Whoever asks for anything else is not to find all places taken.
            max_streams: size(max_streams?.min(max_connections? * 3 / 4)),
            request_timeout: request_timeout?,
            body_timeout: body_timeout?,
            limits: Limits {
                connections: size(max_connections?),
                each: NonZeroUsize::new(size(max_per_address?)),
                times: Times { idle: IDLE_TIMEOUT, head: head_timeout?, answer: answer_timeout? },
            },
            admission: Admission::new(size(max_requests?), NonZeroU32::new(rate_limit?)),
            allowed_hosts: allowed_hosts?.unwrap_or_default(),
            cors_origins: cors_origins?.unwrap_or_default(),
            drain_delay: drain_delay?,
            shutdown_timeout: shutdown_timeout?,
            release: release?,
        })
    }
}

impl WorkerConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = DatabaseConfig::read(from);
        let log_level = from.read(&LOG_LEVEL);
        let webhook = from.read_together(&WEBHOOK_URL, &WEBHOOK_SECRET);
        let attempts = from.read(&WEBHOOK_ATTEMPTS);
        let shutdown_timeout = from.read(&SHUTDOWN_TIMEOUT);
        Some(Self {
            log_level: log_level?,
            database: database?,
            webhook: webhook?,
            attempts: attempts?.into(),
            shutdown_timeout: shutdown_timeout?,
        })
    }
}

impl AdminConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = DatabaseConfig::read_for_one_off(from);
        let log_level = from.read(&LOG_LEVEL);
        Some(Self { log_level: log_level?, database: database? })
    }
}

/// A number of things that are in memory.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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
        let config =
            load(WebConfig::read, &[("DATABASE_URL", URL), ("PORT", "0"), ("LOG_LEVEL", "")]).unwrap();
        assert_eq!(config.address, "0.0.0.0:0".parse().unwrap());
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.database.max_connections, 10);
        assert_eq!(config.database.acquire_timeout, Duration::from_millis(500));
        assert_eq!(config.database.statement_timeout, Duration::from_secs(1));
        assert_eq!(config.drain_delay, Duration::from_secs(3));
    }

    #[test]
    fn every_default_is_a_value_its_variable_accepts() {
        assert!(load(WebConfig::read, &[("DATABASE_URL", URL), ("PORT", "80")]).is_ok());
    }

    #[test]
    fn one_off_processes_need_no_port_and_wait_longer() {
        let one_off = load(AdminConfig::read, &[("DATABASE_URL", URL)]).unwrap();
        assert_eq!(one_off.database.acquire_timeout, Duration::from_secs(10), "nobody waits for it");
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
            ("DATABASE_MAX_CONNECTIONS", "1"),
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
