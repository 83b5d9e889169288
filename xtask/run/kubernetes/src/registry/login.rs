//! Who asks a registry: the environment says it, or Docker's config file.

use std::{env, fmt};

use xtask_contract::{Error, Result, Secret};

use super::docker_config;

/// The variables that go before Docker's config file.
const USER: &str = "XTASK_REGISTRY_USER";
const PASSWORD: &str = "XTASK_REGISTRY_PASSWORD";

/// Who asks.
#[derive(Debug)]
pub enum Login {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password, or with a token in its place.
    User {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
        /// Where this was found.
        from: &'static str,
    },
    /// The holder of an identity token, which is exchanged for other tokens. `docker login` keeps it where a registry
    /// gives one in place of a password.
    Token {
        /// The identity token.
        token: Secret,
        /// Where this was found.
        from: &'static str,
    },
}

impl Login {
    /// Who asks this registry, as the environment or Docker's config file says it.
    pub(super) fn at_hand(host: &str) -> Result<Self> {
        let said = |name| env::var(name).ok().filter(|value| !value.is_empty());
        match (said(USER), said(PASSWORD)) {
            (Some(user), Some(password)) => {
                Ok(Self::User { user, password: Secret::new(password), from: "the environment" })
            }
            (None, None) => docker_config::login(host).map_err(|why| {
                let otherwise = format!("`docker login {host}` writes it anew, or set {USER} and {PASSWORD}");
                Error::refused(logging_in(host), why).next(otherwise)
            }),
            _ => Err(Error::refused(logging_in(host), format!("only one of {USER} and {PASSWORD} is set"))
                .next("set both, or neither to use Docker's config file")),
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("nobody in particular"),
            Self::User { user, from, .. } => write!(f, "the user {user} from {from}"),
            Self::Token { from, .. } => write!(f, "the identity token from {from}"),
        }
    }
}

fn logging_in(host: &str) -> String {
    format!("logging in to the registry {host}")
}
