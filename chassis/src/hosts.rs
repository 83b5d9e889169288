//! The host names by which requests may ask for this service.
//!
//! Any web page may have its own name lead to this machine (DNS rebinding). For a user of the machine, a service on a
//! loopback address would then be of the page's origin. So on such an address only names of the machine itself are
//! accepted.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    health,
    problem::{Kind, Problem},
};

/// The names; every clone has the same.
#[derive(Clone)]
pub(crate) struct Hosts {
    /// Those of the config; any if there are none, unless only the machine itself can ask.
    named: Arc<[String]>,
    loopback: bool,
}

impl Hosts {
    /// For what listens at this address.
    pub(crate) fn at(address: SocketAddr, named: &[String]) -> Self {
        Self { named: named.into(), loopback: address.ip().to_canonical().is_loopback() }
    }

    /// Whether a request says whom it is for (RFC 9112, 3.2), and means this service.
    pub(crate) fn admit(&self, request: &Request) -> Result<(), Problem> {
        let named = authority(request.headers(), request.version())
            .map_err(|detail| Problem::new(Kind::MALFORMED_REQUEST, detail))?;
        // What the address says counts for more.
        let name = request.uri().authority().or(named.as_ref()).map_or("", Authority::host);
        // A probe asks for an address, and learns and changes nothing.
        if self.allow(name) || health::is_probe(request.uri().path()) {
            return Ok(());
        }
        let detail = format!("this service goes by other names than {name:?}; ALLOWED_HOSTS may have more");
        Err(Problem::new(Kind::OTHER_HOST, detail))
    }

    fn allow(&self, name: &str) -> bool {
        if self.named.is_empty() && !self.loopback {
            return true;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.named.contains(&name) || (self.loopback && is_loopback(&name))
    }
}

/// Whether a name always is one of the machine that asks (RFC 6761, 6.3).
fn is_loopback(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(name == "localhost" || name.ends_with(".localhost"), |it| it.to_canonical().is_loopback())
}

/// Lets a request pass that means this service.
pub(crate) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match hosts.admit(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The host in the header, which may be empty.
fn authority(headers: &HeaderMap, version: Version) -> Result<Option<Authority>, &'static str> {
    let mut values = headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (None, _) if version >= Version::HTTP_11 => Err("the request lacks Host"),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err("Host is given more than once"),
        (Some(value), None) if value.is_empty() => Ok(None),
        (Some(value), None) => {
            let authority: Option<Authority> = value.as_bytes().try_into().ok();
            authority
                .filter(|it| !it.as_str().contains('@'))
                .map(Some)
                .ok_or("Host must be a name and perhaps a port")
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::StatusCode, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    use super::*;

    fn at(address: &str, named: &[&str]) -> Hosts {
        let named: Vec<_> = named.iter().map(|name| (*name).to_owned()).collect();
        Hosts::at(address.parse().unwrap(), &named)
    }

    async fn status(hosts: &Hosts, address: &str, names: &[&str], version: Version) -> StatusCode {
        let router = Router::new().route("/", get(async || ())).route("/livez", get(async || ()));
        let router = router.layer(from_fn_with_state(hosts.clone(), check));
        let mut request = Request::get(address).version(version);
        for name in names {
            request = request.header("host", *name);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_request_says_once_whom_it_is_for() {
        let any = at("0.0.0.0:80", &[]);
        for (names, http_10, http_11) in [
            (&[][..], 200, 400),
            (&["example.org"], 200, 200),
            (&["example.org:80"], 200, 200),
            (&["[2001:db8::1]:80"], 200, 200),
            (&[""], 200, 200),
            (&["a", "a"], 400, 400),
            (&["a b"], 400, 400),
            (&["user@a"], 400, 400),
            (&["http://a/"], 400, 400),
        ] {
            for (version, expected) in [(Version::HTTP_10, http_10), (Version::HTTP_11, http_11)] {
                assert_eq!(status(&any, "/", names, version).await, expected, "{version:?} {names:?}");
            }
        }
    }

    #[tokio::test]
    async fn on_a_loopback_address_only_the_machine_itself_is_asked_for() {
        let own = [
            "localhost",
            "LocalHost:30000",
            "localhost.",
            "pets.localhost:80",
            "127.0.0.1:80",
            "127.1.2.3",
            "[::1]:80",
        ];
        let others = [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.1",
            "[2001:db8::1]",
            "",
            "127.0.0.1.nip.example",
            "notlocalhost",
        ];
        for address in ["127.0.0.1:80", "[::1]:80", "127.0.0.2:80", "[::ffff:127.0.0.1]:80"] {
            let hosts = at(address, &[]);
            for name in own {
                assert_eq!(status(&hosts, "/", &[name], Version::HTTP_11).await, 200, "{name} at {address}");
            }
            for name in others {
                assert_eq!(status(&hosts, "/", &[name], Version::HTTP_11).await, 421, "{name} at {address}");
            }
        }
        for name in own.iter().chain(&others) {
            assert_eq!(status(&at("0.0.0.0:80", &[]), "/", &[name], Version::HTTP_11).await, 200, "{name}");
        }
    }

    #[tokio::test]
    async fn the_config_may_name_others_and_then_only_those() {
        let named = ["pets.example"];
        for (address, name, expected) in [
            ("0.0.0.0:80", "pets.example:80", 200),
            ("0.0.0.0:80", "PETS.example", 200),
            ("0.0.0.0:80", "localhost", 421),
            ("127.0.0.1:80", "pets.example", 200),
            ("127.0.0.1:80", "localhost", 200),
            ("127.0.0.1:80", "evil.example", 421),
        ] {
            assert_eq!(
                status(&at(address, &named), "/", &[name], Version::HTTP_11).await,
                expected,
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn what_the_address_says_counts_and_a_probe_may_ask_for_any_name() {
        let hosts = at("127.0.0.1:80", &[]);
        for (address, name, expected) in [
            ("http://evil.example/", "localhost", 421),
            ("http://localhost/", "evil.example", 200),
            ("/livez", "10.1.2.3:80", 200),
        ] {
            assert_eq!(status(&hosts, address, &[name], Version::HTTP_11).await, expected, "{address}");
        }
    }
}
