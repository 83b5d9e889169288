//! What a registry's refusals mean, and what to do about them.

use std::io;

use serde_json::Value;
use xtask_contract::{Error, error::chain};

use super::{Login, Registry};
use crate::proxy::{NoProxy, Proxy};

/// How many characters of what a registry says are shown.
const SHOWN: usize = 300;

/// Why a registry did not do what it was asked for. No password, token or address of an upload is in it.
#[derive(Debug)]
pub(super) enum Failure {
    /// It did not answer.
    Unreachable(Server, String),
    /// It took the question, and was silent for this many seconds.
    Silent(Server, u64),
    /// It answered no.
    Answered(Server, Refusal),
    /// It answered what makes no sense.
    Nonsense(String),
    /// It went on without TLS.
    Open(String),
    /// What was to be sent cannot be read.
    Here(io::Error),
    /// What is named as a proxy is none.
    Proxy(NoProxy),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

impl From<NoProxy> for Failure {
    fn from(named: NoProxy) -> Self {
        Self::Proxy(named)
    }
}

/// The server that was asked: the registry, the one that gives out its tokens, or one that it sent us to.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) proxy: Option<Box<Proxy>>,
}

impl Server {
    fn next(&self, otherwise: impl Into<String>) -> String {
        let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, _)| name);
        self.proxy.as_ref().map_or_else(|| otherwise.into(), |proxy| proxy.hint(Some(name)))
    }

    fn by_way_of(&self) -> String {
        self.proxy.as_ref().map_or_else(String::new, |proxy| format!(" by way of {proxy}"))
    }
}

/// An answer that is no yes.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    /// The names that the specification has for what is wrong, as `DENIED`.
    codes: Vec<String>,
    words: String,
}

impl Refusal {
    pub(super) fn of(status: u16, body: &[u8]) -> Self {
        let errors = serde_json::from_slice::<Value>(body).ok().and_then(|said| match said {
            Value::Object(mut said) => said.remove("errors"),
            _ => None,
        });
        let errors = errors.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let text = |error: &Value, key: &str| error[key].as_str().unwrap_or_default().to_owned();
        let words = match errors {
            [] => String::from_utf8_lossy(body).into_owned(),
            errors => {
                let each =
                    errors.iter().map(|error| format!("{} {}", text(error, "code"), text(error, "message")));
                each.collect::<Vec<_>>().join(", ")
            }
        };
        let codes = errors.iter().map(|error| text(error, "code")).collect();
        Self { status, codes, words: beginning(&words) }
    }

    fn kind(&self) -> Kind {
        let of_code = |code: &String| match code.as_str() {
            "UNAUTHORIZED" => Some(Kind::Unauthorised),
            "DENIED" => Some(Kind::Forbidden),
            "NAME_UNKNOWN" | "NAME_INVALID" => Some(Kind::Unknown),
            _ => None,
        };
        self.codes.iter().find_map(of_code).unwrap_or(match self.status {
            401 => Kind::Unauthorised,
            403 => Kind::Forbidden,
            404 => Kind::Unknown,
            _ => Kind::Other,
        })
    }
}

/// As much of another's words as an error shows.
pub(super) fn beginning(words: &str) -> String {
    let words = words.trim();
    match words.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

/// What a refusal comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unauthorised,
    Forbidden,
    Unknown,
    Other,
}

pub(super) fn explain(doing: String, registry: &Registry<'_>, failure: Failure) -> Error {
    let host = registry.repository.host();
    match failure {
        Failure::Unreachable(server, why) => {
            let next = server.next(if registry.plain_http {
                "does it run, and is `target.registry` right in the deploy's file?"
            } else {
                "does it run, and is `target.registry` right in the deploy's file? A test registry without TLS \
                 needs `plain_http = true` there"
            });
            let why = format!("{} cannot be reached{}: {why}", server.host, server.by_way_of());
            Error::failed(doing, why).next(next)
        }
        Failure::Silent(server, seconds) => {
            let why = format!("{}{} has been silent for {seconds} s", server.host, server.by_way_of());
            Error::failed(doing, why).next(server.next("try again: what has arrived is not sent again"))
        }
        Failure::Answered(server, refusal) => refused(doing, registry, &server, &refusal),
        Failure::Nonsense(why) => Error::failed(doing, format!("{host}: {why}"))
            .next("is it a container registry that is spoken to? Its operator may know more"),
        Failure::Open(address) if registry.plain_http => Error::failed(
            doing,
            format!(
                "{host} goes on at {address} without TLS, which is neither this machine nor a private address"
            ),
        )
        .next("ask its operator: its tokens and uploads need an address of its own network, or https"),
        Failure::Open(address) => Error::failed(
            doing,
            format!("{host} is spoken to with TLS, and goes on at {address} without"),
        )
        .next(
            "tell its operator: behind a proxy that ends TLS, a registry needs `X-Forwarded-Proto: https`, or \
                     `http.relativeurls: true` in its configuration",
        ),
        Failure::Here(error) => {
            Error::failed(doing, chain(&error)).next("`cargo xtask build` makes the image anew")
        }
        Failure::Proxy(named) => named.error(doing),
    }
}

fn refused(doing: String, registry: &Registry<'_>, server: &Server, refusal: &Refusal) -> Error {
    let (own, name) = (registry.repository.host(), registry.repository.name());
    let host = server.host.as_str();
    match refusal.kind() {
        Kind::Unauthorised => {
            let why = match &registry.login {
                Login::Anonymous => format!("{host} lets in nobody who does not log in"),
                login => format!("{host} does not let in {login}"),
            };
            Error::failed(doing, why).next(format!(
                "`docker login {own}` logs in, or set XTASK_REGISTRY_USER and XTASK_REGISTRY_PASSWORD"
            ))
        }
        Kind::Forbidden => {
            Error::failed(doing, format!("{host} does not let {} do that at {name}", registry.login))
                .next("ask the registry's operator for the right to push and pull there")
        }
        Kind::Unknown => Error::failed(doing, format!("{host} has no repository {name}"))
            .next("make it there, or name another one as `target.registry` in the deploy's file"),
        Kind::Other => {
            let Refusal { status, words, .. } = refusal;
            Error::failed(doing, format!("{host}{}: it answers {status}: {words}", server.by_way_of()))
                .next(server.next("try again later"))
        }
    }
}

#[cfg(test)]
mod tests {
    use xtask_contract::Secret;

    use super::*;

    #[test]
    fn each_refusal_has_its_words_and_next_step_and_no_password() {
        let repository = "registry.acme.com/greeter".parse().unwrap();
        let login =
            Login::User { user: "somebody".into(), password: Secret::new("canary"), from: "the environment" };
        let registry = Registry { repository: &repository, plain_http: false, login };
        let answered = |status, body: &str| {
            let server = Server { host: "registry.acme.com".into(), proxy: None };
            Failure::Answered(server, Refusal::of(status, body.as_bytes()))
        };
        let long = "ä".repeat(100_000);
        let denied = r#"{"errors": [{"code": "DENIED", "message": "m"}]}"#;
        for (failure, why, next) in [
            (answered(401, ""), "does not let in the user somebody from the environment", "docker login"),
            (answered(403, "canary"), "does not let the user somebody", "ask the registry's operator"),
            (answered(400, denied), "does not let the user", "ask the registry's operator"),
            (answered(404, "canary"), "has no repository greeter", "make it there"),
            (answered(503, "m\n"), "it answers 503: m", "try again later"),
            (answered(400, r#"{"errors": [{"code": "SIZE_INVALID"}]}"#), "400: SIZE_INVALID", "try again"),
            (
                answered(500, &format!(r#"{{"errors": [{{"code": "{long}", "message": "{long}canary"}}]}}"#)),
                "ää…",
                "try again",
            ),
            (answered(500, &format!("{long}canary")), "ää…", "try again"),
            (answered(500, "[]"), "it answers 500: []", "try again"),
            (Failure::Open("http://registry.acme.com".into()), "without", "relativeurls"),
        ] {
            let told = explain("pushing".into(), &registry, failure).to_string();
            assert!(told.contains(why) && told.contains(next) && !told.contains("canary"), "{told}");
            assert!(told.chars().count() < 1000, "{}", told.len());
        }
    }
}
