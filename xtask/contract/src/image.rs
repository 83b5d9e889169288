//! The parts of an OCI image that the stages use, in the form of the OCI image specification 1.1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The label that names the commit that an image was built from.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// The label that holds the service's own description (see [`crate::service`]), as JSON.
pub const SERVICE: &str = "dev.twelve-factor.service";
/// The label that marks an image whose inputs were not all committed.
pub const DIRTY: &str = "dev.twelve-factor.dirty";
/// The label that marks an image that was compiled quickly, to be tried while it is written.
pub const QUICK: &str = "dev.twelve-factor.quick";

/// A reference to a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What kind of document the blob is.
    pub media_type: String,
    /// Which blob.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
    /// The machine that an image is for; in the layout's index only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What an artifact is (see [`crate::referrers`]); in the layout's index only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A reference to a blob of which no more is said.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.into(), digest, size, platform: None, artifact_type: None }
    }
}

/// The machine that an image is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor in Go's names, as the specification asks: `amd64`.
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
}

/// An image manifest. Its digest is the image's digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`Manifest::MEDIA_TYPE`].
    pub media_type: String,
    /// The image's configuration.
    pub config: Descriptor,
    /// The image's layers, lowest first: uncompressed tar archives.
    pub layers: Vec<Descriptor>,
}

impl Manifest {
    /// The media type of an image manifest.
    pub const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
    /// The media type of an uncompressed layer, whose digest and diff ID are the same.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

    /// The bytes of all blobs together.
    pub fn size(&self) -> u64 {
        self.config.size + self.layers.iter().map(|layer| layer.size).sum::<u64>()
    }
}

/// An image's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The machine that the image is for.
    #[serde(flatten)]
    pub platform: Platform,
    /// How to start it.
    pub config: Execution,
    /// What its root file system is made of.
    pub rootfs: RootFs,
}

impl Config {
    /// The media type of an image configuration.
    pub const MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";
}

/// How to start an image's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
    /// Numeric user and group: `65532:65532`.
    pub user: String,
    /// The program, from the image's root.
    pub entrypoint: Vec<String>,
    /// The folder it starts in.
    pub working_dir: String,
    /// What is known of the image.
    pub labels: BTreeMap<String, String>,
}

/// What an image's root file system is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the uncompressed layers, lowest first.
    pub diff_ids: Vec<Digest>,
}
