//! Who asks a registry: the environment says it, or Docker's config file.

use std::{
    env, fmt,
    fs::File,
    io::{self, BufReader},
    path::PathBuf,
};

use docker_credential::{CredentialRetrievalError as Problem, DockerCredential};
use xtask_contract::{Error, Result, Secret};

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
    /// Whoever a token was given to that is exchanged for others: `docker login` keeps it where a registry gives one
    /// in place of a password.
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
            (None, None) => Self::of_docker(host, dockers(host)),
            _ => Err(Error::refused(logging_in(host), format!("only one of {USER} and {PASSWORD} is set"))
                .next("set both, or neither to use Docker's config file")),
        }
    }

    /// No error repeats what a helper wrote: it may be the secret.
    fn of_docker(host: &str, found: std::result::Result<DockerCredential, Problem>) -> Result<Self> {
        let otherwise = format!("`docker login {host}` writes it anew, or set {USER} and {PASSWORD}");
        let wrong = |why: String| Err(Error::refused(logging_in(host), why).next(otherwise.clone()));
        match found {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                let password = Secret::new(password);
                Ok(Self::User { user, password, from: "Docker's config file" })
            }
            Ok(DockerCredential::IdentityToken(token)) => {
                Ok(Self::Token { token: Secret::new(token), from: "Docker's config file" })
            }
            Err(Problem::NoCredentialConfigured | Problem::ConfigNotFound) => Ok(Self::Anonymous),
            // What helpers say of a registry that they know nothing of.
            Err(Problem::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
                Ok(Self::Anonymous)
            }
            Err(Problem::HelperFailure { helper, .. }) => {
                wrong(format!("the credential helper `{helper}` that Docker's config file names fails"))
            }
            Err(problem) => wrong(format!("Docker's config file: {problem}")),
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

/// What Docker's config file says. (The crate's own look for it takes a file that is not there for one that cannot be
/// read.)
fn dockers(host: &str) -> std::result::Result<DockerCredential, Problem> {
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(env::home_dir()?.join(".docker"))).ok_or(Problem::ConfigNotFound)?;
    let file = File::open(folder.join("config.json")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::ConfigNotFound,
        _ => Problem::ConfigReadError,
    })?;
    docker_credential::get_credential_from_reader(BufReader::new(file), server(host))
}

fn logging_in(host: &str) -> String {
    format!("logging in to the registry {host}")
}

/// The name under which Docker keeps what belongs to a registry.
fn server(host: &str) -> &str {
    if host == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str, host: &str) -> Result<Login> {
        let found = docker_credential::get_credential_from_reader(config.as_bytes(), server(host));
        Login::of_docker(host, found)
    }

    #[test]
    fn dockers_config_file_names_who_asks_which_registry() {
        let config = r#"{"auths": {"127.0.0.1:5000": {"auth": "c29tZWJvZHk6Y2FuYXJ5"},
            "https://index.docker.io/v1/": {"auth": "aHViOmNhbmFyeQ=="}}}"#;
        for (host, user) in [("127.0.0.1:5000", "somebody"), ("docker.io", "hub")] {
            let login = of(config, host).unwrap();
            assert_eq!(login.to_string(), format!("the user {user} from Docker's config file"));
            assert!(matches!(login, Login::User { password, .. } if password.expose() == "canary"));
        }
        assert!(matches!(of(config, "registry.acme.com").unwrap(), Login::Anonymous));
        // As `az acr login` writes it.
        let config = r#"{"auths": {"h": {"auth": "MDAwMDA6", "identitytoken": "canary"}}}"#;
        let login = of(config, "h").unwrap();
        assert_eq!(login.to_string(), "the identity token from Docker's config file");
        assert!(matches!(login, Login::Token { token, .. } if token.expose() == "canary"));
    }

    #[test]
    fn what_cannot_be_read_is_told_without_showing_it() {
        for config in [
            r#"{"auths": {"h": {"auth": "canary!"}}}"#,
            r#"{"auths": {"h": {"auth": "c29tZWJvZHk6Y2FuYXJ5", "username": "u", "password": "canary"}}}"#,
        ] {
            let error = of(config, "h").unwrap_err().to_string();
            assert!(error.contains("docker login h") && !error.contains("canary"), "{error}");
        }
        let failure = |stdout: &str| {
            let stdout = stdout.to_owned();
            Login::of_docker(
                "h",
                Err(Problem::HelperFailure { helper: "pass".into(), stdout, stderr: String::new() }),
            )
        };
        assert!(matches!(failure("credentials not found in native keychain\n").unwrap(), Login::Anonymous));
        let error = failure("canary").unwrap_err().to_string();
        assert!(error.contains("`pass`") && !error.contains("canary"), "{error}");
    }
}
