//! The release manifest, `release.toml`: all that `run` needs to know, for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, EnvName, ReleaseId,
    deploy::{Schema, Services, Target},
    seal::Sealed,
    service,
};

/// One release: an image with one deploy's config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The version of this manifest's form: 1.
    pub schema: Schema<1>,
    /// The release's ID.
    pub id: ReleaseId,
    /// The deploy that it is for.
    pub env: EnvName,
    /// Its place in the deploy's chain, from 1.
    pub sequence: u64,
    /// Who made it.
    pub by: String,
    /// The release before it; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Link>,
    /// The earlier release that it brings back, if it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_to: Option<ReleaseId>,
    /// The image.
    pub image: Image,
    /// Where it runs.
    pub target: Target,
    /// The arguments of the process that brings the database to the schema that the image needs.
    pub migrate: Vec<String>,
    /// The process types.
    pub processes: BTreeMap<String, Process>,
    /// The backing services that `run` starts.
    #[serde(default)]
    pub services: Services,
    /// The config variables that are no secrets.
    pub config: BTreeMap<String, String>,
    /// The config variables that are, sealed.
    pub secrets: BTreeMap<String, Sealed>,
}

/// A reference to a release that proves its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The release.
    pub id: ReleaseId,
    /// The digest of its list of checksums.
    pub digest: Digest,
}

/// The image of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Which image.
    pub digest: Digest,
    /// The commit that it was built from.
    pub revision: String,
    /// Whether it was built from inputs that were not all committed.
    pub dirty: bool,
}

/// How a release runs a process type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// The program's arguments.
    pub args: Vec<String>,
    /// How many at the deploy's first run.
    pub count: u32,
    /// The port that it serves HTTP on, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path that answers 200 when the process can take requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<String>,
    /// The path that answers 200 as long as the process is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<String>,
}

impl Release {
    /// The manifest's file name in the release's folder.
    pub const FILE: &str = "release.toml";
    /// The file with the rendered Kubernetes objects.
    pub const OBJECTS: &str = "objects.yaml";
    /// The list of the other files' checksums, in the form of the `sha256sum` command. Its own digest is the
    /// release's digest.
    pub const CHECKSUMS: &str = "SHA256SUMS";

    /// The manifest's text.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// What is different from another release of the deploy, in words; nothing, if only the time is.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        changes.extend(self.rollback_to.map(|id| format!("rollback to {id}")));
        if self.image != before.image {
            changes.push("image".to_owned());
        }
        let mut names = different(&self.config, &before.config);
        names.extend(different(&self.secrets, &before.secrets));
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() {
            changes.push(format!("config: {}", names.join(", ")));
        }
        let processes = different(&self.processes, &before.processes);
        if !processes.is_empty() {
            changes.push(format!("processes: {}", processes.join(", ")));
        }
        if self.target != before.target {
            changes.push("target".to_owned());
        }
        if self.services != before.services {
            changes.push("services".to_owned());
        }
        changes
    }

    /// The image in the form that Kubernetes takes.
    pub fn image_reference(&self) -> String {
        image_reference(&self.image.digest)
    }

    /// The name of the ConfigMap with the release's config: made from the content.
    pub fn config_name(&self) -> String {
        content_name("config", &self.config)
    }

    /// The name of the Secret with the release's secrets: made from the sealed values, which tell nothing of
    /// the values themselves.
    pub fn secret_name(&self) -> String {
        content_name("secrets", &self.secrets)
    }
}

/// The keys whose values differ, or that only one of the two has.
fn different<'a, T: PartialEq>(a: &'a BTreeMap<String, T>, b: &'a BTreeMap<String, T>) -> Vec<&'a str> {
    let mut keys: Vec<&str> =
        a.keys().chain(b.keys()).filter(|key| a.get(*key) != b.get(*key)).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The name of the service's image where it comes from no registry.
pub const IMAGE_NAME: &str = "xtask.local/todo-api";

/// An image in the form that Kubernetes takes. The host part makes sure that no registry is ever asked.
pub fn image_reference(image: &Digest) -> String {
    format!("{IMAGE_NAME}@{image}")
}

/// The annotation with the ID of the release that an object or a pod belongs to.
pub const RELEASE_ANNOTATION: &str = "twelve-factor.dev/release";

fn content_name<T: AsRef<str>>(kind: &str, content: &BTreeMap<String, T>) -> String {
    // Lengths keep apart what concatenation alone would run together.
    let text = content.iter().fold(String::new(), |text, (name, value)| {
        let value = value.as_ref();
        text + &format!("{} {name} {} {value}\n", name.len(), value.len())
    });
    format!("{}-{kind}-{}", service::NAME, Digest::of(text).short())
}
