//! What a web process reads of the environment, whatever it serves.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use axum::http::HeaderValue;
use tracing::Level;

use crate::{
    admission::Admission,
    config::{Address, HostNames, Integer, Need, Origins, Reader, Span, Variable, Word},
    server::{Limits, Times},
    variables::{LOG_LEVEL, PORT, SHUTDOWN_TIMEOUT},
};

pub(crate) const BIND_ADDRESS: Variable<Address> =
    Variable::new("BIND_ADDRESS", Address, Need::Default("0.0.0.0"), "the address to listen on");
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
const RELEASE_ID: Variable<Word> = Variable::new(
    "RELEASE_ID",
    Word,
    Need::Default("none"),
    "the release that the process belongs to, which answers bear; the tool that runs the release sets it",
);

/// How long a client may take over asking again; longer than proxies keep idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// The settings of a web process.
pub(crate) struct WebConfig {
    pub(super) address: SocketAddr,
    /// Where the metrics are to be read, if anywhere.
    pub(super) metrics: Option<SocketAddr>,
    pub(crate) log_level: Level,
    pub(super) request_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) limits: Limits,
    pub(super) admission: Admission,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) cors_origins: Vec<HeaderValue>,
    pub(super) drain_delay: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) release: String,
}

impl WebConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let port = from.read(&PORT);
        let address = from.read(&BIND_ADDRESS);
        let log_level = from.read(&LOG_LEVEL);
        let request_timeout = from.read(&REQUEST_TIMEOUT);
        let body_timeout = from.read(&BODY_TIMEOUT);
        let head_timeout = from.read(&HEAD_TIMEOUT);
        let answer_timeout = from.read(&ANSWER_TIMEOUT);
        let max_connections = from.read(&MAX_CONNECTIONS);
        let max_per_address = from.read(&MAX_PER_ADDRESS);
        let max_requests = from.read(&MAX_REQUESTS);
        let rate_limit = from.read(&RATE_LIMIT);
        let metrics_port = from.read_optional(&METRICS_PORT);
        let allowed_hosts = from.read_optional(&ALLOWED_HOSTS);
        let cors_origins = from.read_optional(&CORS_ORIGINS);
        let drain_delay = from.read(&DRAIN_DELAY);
        let shutdown_timeout = from.read(&SHUTDOWN_TIMEOUT);
        let release = from.read(&RELEASE_ID);
        Some(Self {
            address: SocketAddr::new(address?, port?),
            metrics: metrics_port?.zip(address).map(|(port, address)| SocketAddr::new(address, port)),
            log_level: log_level?,
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

/// A number of things that are in memory.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;

    fn load(variables: &[(&str, &str)]) -> Result<WebConfig, Vec<String>> {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Reader::new(environment).load(WebConfig::read).map_err(ConfigError::lines)
    }

    #[test]
    fn defaults_fill_what_is_not_set() {
        let Ok(config) = load(&[("PORT", "0"), ("LOG_LEVEL", "")]) else { panic!("it is all there") };
        assert_eq!(config.address, "0.0.0.0:0".parse().unwrap());
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.drain_delay, Duration::from_secs(3));
    }

    #[test]
    fn each_kind_refuses_what_is_out_of_its_range() {
        for (name, value) in [
            ("PORT", "65536"),
            ("PORT", "-1"),
            ("PORT", "+1"),
            ("BIND_ADDRESS", "localhost"),
            ("LOG_LEVEL", "loud"),
            ("MAX_CONNECTIONS", "0"),
            ("MAX_CONNECTIONS", "1000001"),
            ("REQUEST_TIMEOUT", "10"),
        ] {
            // The last one counts.
            let variables = [("PORT", "80"), (name, value)];
            let Err(errors) = load(&variables) else { panic!("{name}={value} passed") };
            assert!(errors.len() == 1 && errors[0].starts_with(name), "{errors:?}");
        }
    }
}
