//! Where a backing service is, as its URL says without the credentials.

use std::fmt;

use url::{Host, Url};
use xtask_contract::{Error, Result, Secret};

/// Where a PostgreSQL database is. It shows itself as `host:port/database`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The server's host: a name or an address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The database's name.
    pub database: String,
}

impl Endpoint {
    /// Reads the URL in this variable. No error repeats any of it.
    pub(crate) fn of(variable: &str, value: &Secret) -> Result<Self> {
        let wrong = |why: &str| {
            Error::refused(format!("reading the URL for {variable}"), why)
                .next("its form is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters in the password percent-encoded")
        };
        let url = Url::parse(value.expose()).map_err(|error| wrong(&error.to_string()))?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(wrong("it begins neither with postgres:// nor with postgresql://"));
        }
        let host = match url.host() {
            None => return Err(wrong("it names no host")),
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
        };
        let database = url.path().trim_start_matches('/').to_owned();
        if database.is_empty() {
            return Err(wrong("it names no database"));
        }
        // An unescaped `/` ends the host within the password; then what follows must not be taken for a name.
        if database.contains(['/', '@', ':']) {
            return Err(wrong("its path is no database's name"));
        }
        Ok(Self { host, port: url.port().unwrap_or(5432), database })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, database } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}/{database}")
        } else {
            write!(f, "{host}:{port}/{database}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Endpoint> {
        Endpoint::of("DATABASE_URL", &Secret::new(url))
    }

    #[test]
    fn an_endpoint_shows_no_credentials() {
        for (url, shown) in [
            ("postgres://u:canary@db.example.com/data", "db.example.com:5432/data"),
            ("postgresql://u:canary@127.0.0.1:30432/data?sslmode=require", "127.0.0.1:30432/data"),
            ("postgres://u@[::1]:5433/data", "[::1]:5433/data"),
        ] {
            assert_eq!(of(url).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_url_that_is_none_of_postgresql_is_refused_without_showing_it() {
        for url in [
            "canary",
            "mysql://u:canary@h/d",
            "postgres:///canary",
            "postgres://u:canary@h",
            "postgres://u:can/ary@h/d",
            "postgres://u:1/canary@h/d",
            "postgres://u:1#canary@h/d",
        ] {
            let error = of(url).unwrap_err().to_string();
            assert!(error.contains("DATABASE_URL") && !error.contains("canary"), "{error}");
            assert!(!error.contains("ary@h"), "{error}");
        }
    }
}
