//! What a registry's refusals mean, and what to do about them.

use oci_client::errors::{OciDistributionError as Failure, OciErrorCode};
use xtask_contract::{Error, error::chain};

use super::{Login, Registry};

pub(super) fn explain(doing: String, registry: &Registry<'_>, failure: Failure) -> Error {
    let (host, name) = (registry.repository.host(), registry.repository.name());
    match Kind::of(&failure) {
        Kind::Unreachable => Error::failed(doing, format!("{host} cannot be reached: {}", words(failure))).next(
            if registry.plain_http {
                "does it run, and is `target.registry` right in the deploy's file?"
            } else {
                "does it run, and is `target.registry` right in the deploy's file? A test registry without TLS \
                 needs `plain_http = true` there"
            },
        ),
        Kind::Unauthorised => {
            let why = match &registry.login {
                Login::Anonymous => format!("{host} lets in nobody who does not log in"),
                login @ Login::User { .. } => format!("{host} does not let in {login}"),
            };
            Error::failed(doing, why).next(format!(
                "`docker login {host}` logs in, or set XTASK_REGISTRY_USER and XTASK_REGISTRY_PASSWORD"
            ))
        }
        Kind::Forbidden => Error::failed(doing, format!("{host} does not let {} do that at {name}", registry.login))
            .next("ask whoever keeps the registry for the right to push and pull there"),
        Kind::Unknown => Error::failed(doing, format!("{host} has no repository {name}"))
            .next("make it there, or name another one as `target.registry` in the deploy's file"),
        Kind::Other => Error::failed(doing, format!("{host}: {}", words(failure))).next("try again later"),
    }
}

/// What a failure comes down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unreachable,
    Unauthorised,
    Forbidden,
    Unknown,
    Other,
}

impl Kind {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::UnauthorizedError { .. } | Failure::AuthenticationFailure(_) => Self::Unauthorised,
            Failure::ServerError { code, .. } => Self::of_status(*code),
            Failure::RequestError(error) => match error.status() {
                Some(status) => Self::of_status(status.as_u16()),
                None => Self::Unreachable,
            },
            Failure::RegistryError { envelope, .. } => {
                let kinds = envelope.errors.iter().map(|error| Self::of_code(&error.code));
                kinds.into_iter().find(|kind| *kind != Self::Other).unwrap_or(Self::Other)
            }
            _ => Self::Other,
        }
    }

    fn of_status(code: u16) -> Self {
        match code {
            401 => Self::Unauthorised,
            403 => Self::Forbidden,
            404 => Self::Unknown,
            _ => Self::Other,
        }
    }

    fn of_code(code: &OciErrorCode) -> Self {
        match code {
            OciErrorCode::Unauthorized => Self::Unauthorised,
            OciErrorCode::Denied => Self::Forbidden,
            OciErrorCode::NameUnknown | OciErrorCode::NameInvalid => Self::Unknown,
            _ => Self::Other,
        }
    }
}

/// The failure in words. The address is left out: an upload's has a token of its own in it.
fn words(failure: Failure) -> String {
    match failure {
        Failure::RequestError(error) => chain(&error.without_url()),
        Failure::ServerError { code, message, .. } => {
            format!("it answers {code}: {}", message.trim().chars().take(300).collect::<String>())
        }
        Failure::RegistryError { envelope, .. } => envelope.to_string(),
        other => chain(&other),
    }
}

#[cfg(test)]
mod tests {
    use xtask_contract::Secret;

    use super::*;

    #[test]
    fn each_refusal_has_its_words_and_next_step_and_no_password() {
        let repository = "registry.acme.com/todo-api".parse().unwrap();
        let login =
            Login::User { user: "somebody".into(), password: Secret::new("canary"), from: "the environment" };
        let registry = Registry { repository: &repository, plain_http: false, login };
        let server = |code| Failure::ServerError { code, url: "canary".into(), message: "m".into() };
        let envelope = serde_json::from_str(r#"{"errors": [{"code": "DENIED", "message": "m"}]}"#).unwrap();
        for (failure, why, next) in [
            (server(401), "does not let in the user somebody from the environment", "docker login"),
            (server(403), "does not let the user somebody", "ask whoever keeps"),
            (
                Failure::RegistryError { envelope, url: "canary".into() },
                "does not let the user",
                "ask whoever",
            ),
            (server(404), "has no repository todo-api", "make it there"),
            (server(503), "it answers 503: m", "try again later"),
            (Failure::AuthenticationFailure("canary".into()), "does not let in", "XTASK_REGISTRY_USER"),
        ] {
            let told = explain("pushing".into(), &registry, failure).to_string();
            assert!(told.contains(why) && told.contains(next) && !told.contains("canary"), "{told}");
        }
    }
}
