//! A deploy's own file, `k8s/envs/ENV.toml`. (Its secrets are in [`crate::secrets`].)

use std::{collections::BTreeMap, io};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    EnvName, Error, Logging, Policy, Repo, Result,
    nearest::did_you_mean,
    plain_file,
    settings::{Ingress, Network, Settings},
    toml_error,
};

pub use crate::target::{KindTarget, KubernetesTarget, Target};

/// More processes of one type are hardly meant.
pub const MOST_PROCESSES: u32 = 1000;

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
    /// How a cluster is to treat the processes of each type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, Settings>,
    /// What a cluster's network lets through.
    #[serde(default, skip_serializing_if = "Network::is_empty")]
    pub network: Network,
    /// The name under which the world reaches it, if it has one on a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Its configuration variables: all of them, nothing is inherited.
    #[serde(default)]
    pub config: BTreeMap<String, Text>,
    /// The backing services that `run` starts for it.
    #[serde(default)]
    pub services: Services,
    /// Where a cluster ships what its processes write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Its rules.
    #[serde(default)]
    pub policy: Policy,
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
    /// Whether the variable's URL names another server instead: then `run` starts none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attached: bool,
    /// How many connections it allows to the deploy, where that is not as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

/// `max_connections` less `superuser_reserved_connections`, as PostgreSQL is when nobody says otherwise.
const USUAL_CONNECTIONS: u32 = 97;

impl Postgres {
    /// How many connections it allows to the deploy, if that is known.
    pub fn allowed_connections(&self) -> Option<u32> {
        self.connections.or((!self.attached).then_some(USUAL_CONNECTIONS))
    }
}

impl Services {
    /// The PostgreSQL server that `run` starts, if it is to start one.
    pub fn own_postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref().filter(|postgres| !postgres.attached)
    }
}

fn postgres_port() -> u16 {
    5432
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

impl Deploy {
    /// Reads a deploy's file.
    pub fn read(repo: &Repo, env: &EnvName) -> Result<Self> {
        read(repo, &repo.deploy_file(env))?.ok_or_else(|| {
            let known = repo.deploys();
            let known: Vec<&str> = known.iter().map(EnvName::as_str).collect();
            let hint = did_you_mean(env.as_str(), known.iter().copied());
            let why = format!("there is no k8s/envs/{env}.toml{hint}");
            Error::refused(format!("reading the deploy `{env}`"), why)
                .next(format!("name one of the deploys there are ({}), or write that file", known.join(", ")))
        })
    }

    /// How many processes of a type there are at the deploy's first run.
    pub fn count(&self, process: &str) -> u32 {
        let least = || {
            let autoscale = self.processes.get(process).and_then(|settings| settings.autoscale);
            autoscale.map_or(1, |autoscale| autoscale.min.get())
        };
        self.scale.get(process).copied().unwrap_or_else(least)
    }

    /// Parses the text of such a file; what is wrong and where, if it is none. No line of it is repeated.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        toml::from_str(text).map_err(|error| toml_error::told(text, &error))
    }
}

pub(crate) fn read<T: DeserializeOwned>(repo: &Repo, path: &std::path::Path) -> Result<Option<T>> {
    let doing = format!("reading {}", repo.relative(path).display());
    match plain_file::read_text(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::failed(doing, error)),
        Ok(text) => match toml::from_str(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Error::refused(doing, toml_error::told(&text, &error))
                .next("mend that line; docs/formats.md tells what such a file holds")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> std::result::Result<Deploy, String> {
        Deploy::parse(text)
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
    fn what_is_wrong_is_told_by_its_place_and_not_repeated() {
        let told = parse("schema = 1\ntarget.kind = \"local\"\nconfig.URL = canary://\n").unwrap_err();
        assert!(told.starts_with("line 3, column 14: ") && !told.contains("canary"), "{told}");
    }

    #[test]
    fn the_example_of_a_cluster_is_the_same_after_writing_and_reading() {
        let example = parse(include_str!("../../../k8s/envs/prod.toml")).unwrap();
        let web = &example.processes["web"];
        assert!(web.autoscale.is_some() && web.disruption.is_some() && web.spread.is_some());
        assert!(example.network.isolate && example.target.is_cluster());
        let settings = toml::to_string(&example).unwrap();
        assert_eq!(parse(&settings).unwrap(), example, "{settings}");
    }

    #[test]
    fn unknown_keys_and_schemas_are_refused() {
        for wrong in [
            "schema = 2\ntarget.kind = \"local\"",
            "schema = 1\ntarget.kind = \"cloud\"",
            "schema = 1\ntarget = { kind = \"local\", port = 1 }",
            "schema = 1\ntarget.kind = \"local\"\npolicies = {}",
            "schema = 1\ntarget.kind = \"local\"\nconfig.PORT = [1]",
            "schema = 1\ntarget.kind = \"local\"\nprocesses.web.replicas = 1",
            "schema = 1\ntarget.kind = \"local\"\nprocesses.web.requests.cpu = \"much\"",
            "schema = 1\ntarget.kind = \"local\"\nprocesses.web.disruption = { min_available = 1, max_unavailable = 1 }",
            "schema = 1\ntarget.kind = \"local\"\npolicy.keep = 0",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
