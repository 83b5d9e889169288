//! A deploy's own files: `k8s/envs/ENV.toml` and `k8s/envs/ENV.secrets.toml`.

use std::{collections::BTreeMap, fmt, fs, io};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Context, EnvName, Error, Repo, Result, durable, seal::Sealed};

/// `k8s/envs/ENV.toml`: where a deploy runs, how many processes it has, and its config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The version of this file's form: 1.
    pub schema: Schema<1>,
    /// Where it runs.
    pub target: Target,
    /// How many processes of each type.
    #[serde(default)]
    pub scale: BTreeMap<String, u32>,
    /// Its configuration variables: all of them, nothing is inherited.
    #[serde(default)]
    pub config: BTreeMap<String, Text>,
    /// The backing services that `run` starts for it.
    #[serde(default)]
    pub services: Services,
    /// Its rules.
    #[serde(default)]
    pub policy: Policy,
}

/// Where a deploy runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// As processes of this machine.
    Local {},
    /// On a kind cluster of this machine, made by `run` if it is missing.
    Kind {
        /// The cluster's name, as `kind get clusters` lists it.
        cluster: String,
        /// The namespace that holds all of the deploy's objects.
        namespace: String,
        /// The port of this machine, and of the cluster's node, at which the service answers.
        port: u16,
    },
}

/// The backing services that `run` starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// A PostgreSQL server of the deploy's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Postgres>,
}

/// A PostgreSQL server of the deploy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// The variable that gets its URL.
    pub variable: String,
    /// Its port: on this machine for a local deploy, within the cluster otherwise.
    #[serde(default = "postgres_port")]
    pub port: u16,
    /// Its image, where it runs in a container. The environment variable `POSTGRES_IMAGE` goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

fn postgres_port() -> u16 {
    5432
}

/// A deploy's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether builds with uncommitted inputs may be released here.
    #[serde(default)]
    pub dirty: bool,
    /// Whose age identities can open the deploy's secrets; this machine's if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

/// A variable's value. In the file it may also stand as a number or a truth value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Scalar", into = "String")]
pub struct Text(pub String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, a whole number or a truth value")]
enum Scalar {
    Text(String),
    Number(i64),
    Truth(bool),
}

impl From<Scalar> for Text {
    fn from(scalar: Scalar) -> Self {
        Self(match scalar {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        })
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// The version of a file's form; any other number than `N` is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Schema<const N: u32>;

impl<const N: u32> TryFrom<u32> for Schema<N> {
    type Error = String;

    fn try_from(number: u32) -> std::result::Result<Self, String> {
        if number == N {
            Ok(Self)
        } else {
            Err(format!("schema {number} is not known to this version of xtask, which reads schema {N}"))
        }
    }
}

impl<const N: u32> From<Schema<N>> for u32 {
    fn from(_: Schema<N>) -> Self {
        N
    }
}

/// `k8s/envs/ENV.secrets.toml`: the deploy's secrets, each sealed by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The version of this file's form: 1.
    pub schema: Schema<1>,
    /// The sealed values by variable.
    #[serde(default)]
    pub secrets: BTreeMap<String, Sealed>,
}

impl Deploy {
    /// Reads a deploy's file.
    pub fn read(repo: &Repo, env: &EnvName) -> Result<Self> {
        read(repo, &repo.deploy_file(env))?.ok_or_else(|| {
            let known = repo.deploys();
            let known: Vec<&str> = known.iter().map(EnvName::as_str).collect();
            Error::refused(format!("reading the deploy `{env}`"), format!("there is no k8s/envs/{env}.toml"))
                .next(format!("name one of the deploys there are ({}), or write that file", known.join(", ")))
        })
    }
}

impl Secrets {
    /// Reads a deploy's secrets; there are none if the file is not there.
    pub fn read(repo: &Repo, env: &EnvName) -> Result<Self> {
        Ok(read(repo, &repo.secrets_file(env))?.unwrap_or_default())
    }

    /// Writes a deploy's secrets.
    pub fn write(&self, repo: &Repo, env: &EnvName) -> Result<()> {
        let path = repo.secrets_file(env);
        let doing = || format!("writing {}", repo.relative(&path).display());
        let text = toml::to_string(self).doing(doing)?;
        durable::replace(&path, text.as_bytes(), 0o644).doing(doing)
    }
}

fn read<T: DeserializeOwned>(repo: &Repo, path: &std::path::Path) -> Result<Option<T>> {
    let doing = format!("reading {}", repo.relative(path).display());
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::failed(doing, error)),
        Ok(text) => match toml::from_str(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Error::refused(doing, error.to_string().trim_end())),
        },
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local {} => f.write_str("this machine"),
            Self::Kind { cluster, namespace, .. } => {
                write!(f, "kind cluster {cluster}, namespace {namespace}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> std::result::Result<Deploy, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn values_may_stand_as_numbers_and_truth_values() {
        let deploy =
            parse("schema = 1\ntarget.kind = \"local\"\nconfig = { PORT = 30000, A = true, B = \"x\" }")
                .unwrap();
        let values: Vec<&str> = deploy.config.values().map(|text| text.0.as_str()).collect();
        assert_eq!(values, ["true", "x", "30000"]);
    }

    #[test]
    fn unknown_keys_and_schemas_are_refused() {
        for wrong in [
            "schema = 2\ntarget.kind = \"local\"",
            "schema = 1\ntarget.kind = \"cloud\"",
            "schema = 1\ntarget = { kind = \"local\", port = 1 }",
            "schema = 1\ntarget.kind = \"local\"\npolicies = {}",
            "schema = 1\ntarget.kind = \"local\"\nconfig.PORT = [1]",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
