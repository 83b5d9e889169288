//! The release manifest, `release.toml`: all that `run` needs to know, for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, EnvName, ReleaseId, SealedSecrets, ServiceName,
    deploy::{Schema, Services, Target},
    settings::{Ingress, Network, Settings},
};

/// How the mark of a quick build begins.
const QUICK: &str = "dev-";

/// Whether this is the mark of a quick build, and no release's ID.
pub fn is_quick_mark(mark: &str) -> bool {
    mark.starts_with(QUICK)
}

/// One release: an image with one deploy's config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The version of this manifest's form: 2.
    pub schema: Schema<2>,
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
    /// The service, as its image says. Releases that were made before this was written down have it from their objects,
    /// when they are read; those of local deploys, which have none, from their image alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The image.
    pub image: Image,
    /// Where it runs.
    pub target: Target,
    /// The arguments of the process that brings the database to the schema that the image needs.
    pub migrate: Vec<String>,
    /// What stands for all migrations of the image, if its service says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<Digest>,
    /// The process types.
    pub processes: BTreeMap<String, Process>,
    /// What a cluster's network lets through.
    #[serde(default, skip_serializing_if = "Network::is_empty")]
    pub network: Network,
    /// The name under which the world reaches it, if it has one on a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// The backing services that `run` starts.
    #[serde(default)]
    pub services: Services,
    /// The config variables that are no secrets.
    pub config: BTreeMap<String, String>,
    /// The config variables that are, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<SealedSecrets>,
}

impl Release {
    /// Where it is reached, if that is known.
    pub fn url(&self) -> Option<String> {
        self.target.url(self.processes.values().find_map(|process| process.port))
    }
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
    /// Whether it takes the socket that it listens on from its parent process, in systemd's way, and tells when it is
    /// ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherits: bool,
    /// Whether one without a port tells when it is ready, in systemd's way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tells: bool,
    /// The path that answers 200 when the process can take requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<String>,
    /// The path that answers 200 as long as the process is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<String>,
    /// The program's arguments that ask, in the process's own container, whether it is alive; for one without a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<Vec<String>>,
    /// How a cluster is to treat them.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
}

impl Process {
    /// One that does its work and ends, and that nobody asks anything, such as a migration.
    pub fn that_ends(args: &[String]) -> Self {
        Self {
            args: args.to_vec(),
            count: 1,
            port: None,
            inherits: false,
            tells: false,
            readiness: None,
            liveness: None,
            alive: None,
            settings: Settings::default(),
        }
    }
}

impl Release {
    /// The manifest's file name in the release's folder.
    pub const FILE: &str = "release.toml";
    /// The file with the rendered Kubernetes objects.
    pub const OBJECTS: &str = "objects.yaml";
    /// The list of the other files' checksums, in the form of the `sha256sum` command. Its own digest is the
    /// release's digest.
    pub const CHECKSUMS: &str = "SHA256SUMS";
    /// The signature of that list: 64 bytes, Ed25519.
    pub const SIGNATURE: &str = "SHA256SUMS.sig";

    /// The manifest's text.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The image in the form that Kubernetes takes.
    pub fn image_reference(&self) -> String {
        match self.target.registry() {
            Some(cluster) => format!("{}@{}", cluster.registry, self.image.digest),
            None => format!("{}@{}", local_image(self.service()), self.image.digest),
        }
    }

    /// The name of the ConfigMap with the release's config: made from the content.
    pub fn config_name(&self) -> String {
        self.content_name("config", &self.config)
    }

    /// The name of the Secret with the release's secrets: made from their commitments, which tell nothing of the
    /// values themselves. Sealing the same value again gives the same name.
    pub fn secret_name(&self) -> String {
        self.content_name("secrets", &self.commitments())
    }

    /// What stands for the image and the config of a quick build: its answers and its pods bear it in the place of an ID.
    pub fn quick_mark(&self) -> String {
        let parts = [self.image.digest.to_string(), self.config_name(), self.secret_name()];
        format!("{QUICK}{}", Digest::of(parts.join("\n")).short())
    }

    /// What the sealed values are, without telling them.
    pub fn commitments(&self) -> BTreeMap<String, String> {
        let all = self.secrets.iter().flat_map(|secrets| &secrets.values);
        all.map(|(name, secret)| (name.clone(), secret.commitment.clone())).collect()
    }

    fn content_name(&self, kind: &str, content: &BTreeMap<String, String>) -> String {
        // Lengths keep apart what concatenation alone would run together.
        let text = content.iter().fold(String::new(), |text, (name, value)| {
            text + &format!("{} {name} {} {value}\n", name.len(), value.len())
        });
        format!("{}-{kind}-{}", self.service(), Digest::of(text).short())
    }

    /// The service's name. Only old releases of local deploys have none, and nothing is named after it there.
    fn service(&self) -> &str {
        self.service.as_ref().map_or("", ServiceName::as_str)
    }
}

/// The name of a service's image where it comes from no registry. The host part makes sure that none is ever asked.
pub fn image_name(service: &ServiceName) -> String {
    local_image(service.as_str())
}

/// An image of a service in the form that Kubernetes takes.
pub fn image_reference(service: &ServiceName, image: &Digest) -> String {
    format!("{}@{image}", image_name(service))
}

fn local_image(service: &str) -> String {
    format!("xtask.local/{service}")
}
