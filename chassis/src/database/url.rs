//! Where a database is.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
    path::Path,
};

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, SslMode},
};

use super::{
    options::{ConnectOptions, setting},
    tls::{Tls, Trust},
};
use crate::config::{Kind, Shape};

/// What stands for itself in a URL must be escaped in the user's name and password: `#` and `/` above all.
const POSTGRES_URL: &str = concat!(
    "postgres(ql)?://",
    "([^/?#@:\\s]*(:[^/?#@\\s]*)?@)?",
    r"([0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])",
    "(:0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    "(/[^?#\\s]*)?",
    "(\\?[^#\\s]*)?",
);

const PORT: u16 = 5432;

/// How many statements a connection keeps prepared, unless the URL says otherwise: more than a service has.
const PREPARED: usize = 100;

/// Where a server on this host may have its socket.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The URL of a PostgreSQL database, with libpq's parameters.
pub(crate) struct PostgresUrl;

impl Kind for PostgresUrl {
    type Value = ConnectOptions;

    fn parse(&self, text: &str) -> Option<ConnectOptions> {
        let (scheme, rest) = text.trim().split_once("://")?;
        if !matches!(scheme, "postgres" | "postgresql") || rest.contains('#') {
            return None;
        }
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before.split_once('/').unwrap_or((before, ""));
        let mut parts = Parts::default();
        parts.authority(authority)?;
        parts.database(&decoded(database.trim_start_matches('/'))?);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            parts.parameter(&name, &value)?;
        }
        Some(parts.together())
    }

    fn shape(&self) -> Shape {
        Shape::Url {
            pattern: POSTGRES_URL,
            expected: "a URL such as postgres://user:password@host:5432/database",
        }
    }
}

/// The parts of a URL. Of two values for the same part, the last one applies.
struct Parts {
    config: Config,
    host: Option<String>,
    address: Option<IpAddr>,
    port: u16,
    ssl_mode: SslMode,
    tls: Tls,
    prepared: usize,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            config: Config::new(),
            host: None,
            address: None,
            port: PORT,
            ssl_mode: SslMode::Prefer,
            tls: Tls::default(),
            prepared: PREPARED,
        }
    }
}

impl Parts {
    fn authority(&mut self, text: &str) -> Option<()> {
        let (login, place) = text.rsplit_once('@').unwrap_or(("", text));
        let (user, password) = login.split_once(':').map_or((login, None), |(user, it)| (user, Some(it)));
        if !user.is_empty() {
            self.config.user(decoded(user)?);
        }
        if let Some(password) = password {
            self.config.password(&*decoded(password)?);
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(inside) => {
                let (address, rest) = inside.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (address, if rest.is_empty() { "" } else { rest.strip_prefix(':')? })
            }
            None => place.split_once(':').unwrap_or((place, "")),
        };
        if host.contains(|it: char| it.is_whitespace() || r"<>[\]^|".contains(it)) {
            return None;
        }
        if !host.is_empty() {
            self.host = Some(decoded(host)?.into_owned());
        }
        if !port.is_empty() {
            self.port = port.parse().ok()?;
        }
        Some(())
    }

    fn database(&mut self, name: &str) {
        if !name.is_empty() {
            self.config.dbname(name);
        }
    }

    fn parameter(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "sslmode" | "ssl-mode" => (self.ssl_mode, self.tls.trust) = ssl_mode(value)?,
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.tls.authority = Some(value.into()),
            "sslcert" | "ssl-cert" => self.tls.certificate = Some(value.into()),
            "sslkey" | "ssl-key" => self.tls.key = Some(value.into()),
            "channel_binding" => drop(self.config.channel_binding(channel_binding(value)?)),
            "statement-cache-capacity" => self.prepared = value.parse().ok()?,
            "host" => self.host = Some(value.into()),
            "hostaddr" => self.address = Some(value.parse().ok()?),
            "port" => self.port = value.parse().ok()?,
            "dbname" => self.database(value),
            "user" => drop(self.config.user(value)),
            "password" => drop(self.config.password(value)),
            // It is the service's name.
            "application_name" => {}
            "options" => self.options(value),
            _ => {
                if let Some(name) = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']')) {
                    self.options(&setting(name, value));
                } else {
                    tracing::warn!(name, "DATABASE_URL has a parameter that is not known");
                }
            }
        }
        Some(())
    }

    fn options(&mut self, more: &str) {
        let all = self.config.get_options().map(|all| format!("{all} ")).unwrap_or_default();
        self.config.options(all + more);
    }

    fn together(mut self) -> ConnectOptions {
        let host = match (self.host, self.address) {
            // The name is for the server's certificate.
            (Some(host), Some(address)) => {
                self.config.hostaddr(address);
                host
            }
            (None, Some(address)) => address.to_string(),
            (Some(host), None) => host,
            (None, None) => local_host(self.port),
        };
        // PostgreSQL offers no TLS on a Unix socket.
        if host.starts_with('/') && self.ssl_mode == SslMode::Prefer {
            self.ssl_mode = SslMode::Disable;
        }
        self.config.host(host).port(self.port).ssl_mode(self.ssl_mode);
        ConnectOptions::new(self.config, self.tls, self.prepared)
    }
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

/// `allow` never speaks TLS: a server that allows both takes the plain connection, which is tried first.
fn ssl_mode(text: &str) -> Option<(SslMode, Trust)> {
    Some(match text.to_ascii_lowercase().as_str() {
        "disable" | "allow" => (SslMode::Disable, Trust::Any),
        "prefer" => (SslMode::Prefer, Trust::Any),
        "require" => (SslMode::Require, Trust::Any),
        "verify-ca" => (SslMode::Require, Trust::Certified),
        "verify-full" => (SslMode::Require, Trust::Named),
        _ => return None,
    })
}

fn channel_binding(text: &str) -> Option<ChannelBinding> {
    Some(match text {
        "disable" => ChannelBinding::Disable,
        "prefer" => ChannelBinding::Prefer,
        "require" => ChannelBinding::Require,
        _ => return None,
    })
}

/// The folder of the server's socket, or else this host.
fn local_host(port: u16) -> String {
    let has_socket = |folder: &&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_FOLDERS.into_iter().find(has_socket).unwrap_or("localhost").into()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use regex::Regex;
    use tokio_postgres::config::Host;

    use super::*;
    use crate::database::tls::Pem;

    #[test]
    fn a_password_that_is_not_escaped_fits_no_url() {
        let whole = Regex::new(&format!(r"\A(?:{POSTGRES_URL})\z")).unwrap();
        for text in [
            "postgres://h/d",
            "postgresql://u:p%23w@db.example.com:65535/d?sslmode=require",
            "postgres://u@[::1]:5432/d",
            "postgres:///d?host=/run/postgresql",
            "postgres://u:pä$w!@10.0.0.1",
        ] {
            assert!(whole.is_match(text) && PostgresUrl.parse(text).is_some(), "{text}");
        }
        for text in [
            "postgres://u:p#w@h/d",
            "postgres://u:p/w@h/d",
            "postgres://u:p?w@h/d",
            "postgres://h:65536/d",
            "mysql://h/d",
        ] {
            assert!(!whole.is_match(text) && PostgresUrl.parse(text).is_none(), "{text}");
        }
    }

    /// Host, port, user, password and database.
    fn parts(text: &str) -> (Host, u16, [String; 3]) {
        let options = PostgresUrl.parse(text).unwrap();
        let config = options.config();
        let password = std::str::from_utf8(config.get_password().unwrap_or_default()).unwrap();
        let texts =
            [config.get_user().unwrap_or_default(), password, config.get_dbname().unwrap_or_default()];
        (config.get_hosts()[0].clone(), config.get_ports()[0], texts.map(str::to_owned))
    }

    #[test]
    fn each_part_is_where_it_belongs() {
        let tcp = |host: &str| Host::Tcp(host.into());
        let socket = Host::Unix("/run/postgresql".into());
        for (text, host, port) in [
            ("postgres://u%40x:p%23w%2F%3F@:@h:1/d%20d", tcp("h"), 1),
            ("postgresql://u%40x:p%23w%2F%3F%40:@[::1]/d%20d\n", tcp("::1"), 5432),
            ("postgres://u%40x:p%23w%2F%3F%40%3A@%2Frun%2Fpostgresql:2/d%20d", socket.clone(), 2),
            ("postgres:///?host=/run/postgresql&user=u%40x&password=p%23w/?@:&dbname=d+d&port=3", socket, 3),
            (
                "postgres://u%40x:no@no:9/no?hostaddr=10.0.0.1&host=h&password=p%23w/?@:&dbname=d%20d",
                tcp("h"),
                9,
            ),
        ] {
            let texts = ["u@x", "p#w/?@:", "d d"].map(str::to_owned);
            assert_eq!(parts(text), (host, port, texts), "{text}");
        }
        let address = PostgresUrl.parse("postgres://h/d?hostaddr=10.0.0.1").unwrap();
        assert_eq!(address.config().get_hostaddrs(), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        for text in ["postgres://a b/d", "postgres://[::x]/d", "postgres://[::1]x/d", "postgres://h/d?port=x"]
        {
            assert!(PostgresUrl.parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn tls_is_as_sslmode_says() {
        for (text, mode, trust) in [
            ("", SslMode::Prefer, Trust::Any),
            ("sslmode=disable", SslMode::Disable, Trust::Any),
            ("sslmode=allow", SslMode::Disable, Trust::Any),
            ("sslmode=prefer", SslMode::Prefer, Trust::Any),
            ("sslmode=require", SslMode::Require, Trust::Any),
            ("sslmode=verify-ca", SslMode::Require, Trust::Certified),
            ("ssl-mode=Verify-Full", SslMode::Require, Trust::Named),
            ("host=/run/postgresql", SslMode::Disable, Trust::Any),
            ("host=/run/postgresql&sslmode=require", SslMode::Require, Trust::Any),
        ] {
            let options = PostgresUrl.parse(&format!("postgres://h/d?{text}")).unwrap();
            assert_eq!((options.config().get_ssl_mode(), options.tls().trust), (mode, trust), "{text}");
        }
        assert!(PostgresUrl.parse("postgres://h/d?sslmode=sometimes").is_none());
        let text = "postgres://h/d?sslrootcert=/ca&sslcert=-----BEGIN+x&sslkey=/key&channel_binding=require";
        let options = PostgresUrl.parse(text).unwrap();
        let tls = Tls {
            trust: Trust::Any,
            authority: Some(Pem::File(PathBuf::from("/ca"))),
            certificate: Some(Pem::Text("-----BEGIN x".into())),
            key: Some(Pem::File(PathBuf::from("/key"))),
        };
        assert_eq!(*options.tls(), tls);
        assert_eq!(options.config().get_channel_binding(), ChannelBinding::Require);
    }

    #[test]
    fn settings_of_the_url_come_before_the_services_own() {
        let options = PostgresUrl.parse("postgres://h/d?options=-c%20a.b%3D1&options[c.d]=2%203&what=ever");
        let options = options.unwrap().with_settings([("a.b", "4")]);
        let all = options.config().get_options().unwrap();
        assert!(all.starts_with(r"-c a.b=1 -c c.d=2\ 3 -c ") && all.ends_with(" -c a.b=4"), "{all}");
    }
}
