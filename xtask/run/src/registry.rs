//! Brings an image, and the documents about it, from the layout to a registry, by digest: no tag can move it.
//! What is there already is not sent again.

mod documents;
mod failure;
mod login;

use std::{fs, time::Duration};

use futures_util::TryStreamExt;
use hyper::header::HeaderValue;
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
};
use serde::Serialize;
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use xtask_contract::{
    Context, Digest, Error, Layout, Progress, Repository, Result, image::Descriptor, image::Manifest,
    target::plain_http_objection,
};

pub use login::Login;

const CONNECT: Duration = Duration::from_secs(10);
/// How long a registry may be silent: it hashes a large layer before it answers.
const SILENCE: Duration = Duration::from_mins(2);
const CHUNK: usize = 1 << 18;

/// A repository of a registry, and how it is spoken to.
#[derive(Debug)]
pub struct Registry<'a> {
    /// Where the images are.
    pub repository: &'a Repository,
    /// Whether it is spoken to without TLS.
    pub plain_http: bool,
    /// Who asks.
    pub login: Login,
}

impl<'a> Registry<'a> {
    /// A repository, asked by whoever this machine's environment or Docker config file names.
    pub fn of(repository: &'a Repository, plain_http: bool) -> Result<Self> {
        Ok(Self { repository, plain_http, login: Login::at_hand(repository.host())? })
    }
}

/// What came of a push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// How many blobs and manifests were sent.
    pub sent: usize,
    /// How many were there already. Of a manifest that is there, so are the blobs, and they are not asked for.
    pub there: usize,
    /// How many bytes were sent.
    pub bytes: u64,
}

/// Brings an image of the layout to the registry, and the documents about it.
pub async fn push(
    layout: &Layout,
    image: &Digest,
    registry: &Registry<'_>,
    progress: &dyn Progress,
) -> Result<Pushed> {
    let doing = || format!("pushing the image {} to {}", image.short(), registry.repository);
    let about = layout.referrers(image)?;
    let mut push = Push { layout, progress, pushed: Pushed::default(), to: open(registry, doing)? };
    push.to.log_in(image, RegistryOperation::Push).await.map_err(|error| push.to.explain(doing(), error))?;
    push.manifest(image, doing).await?;
    if let Err(error) = documents::push(&mut push, image, &about).await {
        progress.note(&format!("the image is at the registry; the documents about it are not: {error}"));
    }
    Ok(push.pushed)
}

/// Whether an image is at the registry.
pub async fn has(registry: &Registry<'_>, image: &Digest) -> Result<bool> {
    let doing = || format!("looking for the image {} at {}", image.short(), registry.repository);
    let to = open(registry, doing)?;
    let asked = async {
        to.log_in(image, RegistryOperation::Pull).await?;
        to.has_manifest(image).await
    };
    asked.await.map_err(|error| to.explain(doing(), error))
}

/// What a registry answers, before it is explained.
type Answer<T> = std::result::Result<T, OciDistributionError>;

/// A registry that can be asked.
struct Connection<'a> {
    client: Client,
    registry: &'a Registry<'a>,
}

fn open<'a>(registry: &'a Registry<'a>, doing: impl Fn() -> String) -> Result<Connection<'a>> {
    if let Some(objection) = plain_http_objection(registry.repository).filter(|_| registry.plain_http) {
        return Err(Error::refused(doing(), objection).next("remove `plain_http` from the deploy's target"));
    }
    // It is no error if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let protocol = if registry.plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
    let config = ClientConfig {
        protocol,
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: "xtask",
        ..ClientConfig::default()
    };
    Ok(Connection { client: Client::try_from(config).doing(doing)?, registry })
}

impl Connection<'_> {
    fn reference(&self, digest: &Digest) -> Reference {
        let repository = self.registry.repository;
        Reference::with_digest(repository.host().into(), repository.name().into(), digest.to_string())
    }

    /// The client logs in by itself where it must, but says nothing of it when that fails.
    async fn log_in(&self, image: &Digest, to: RegistryOperation) -> Answer<()> {
        self.client.auth(&self.reference(image), &self.registry.login.auth(), to).await.map(drop)
    }

    async fn has_manifest(&self, digest: &Digest) -> Answer<bool> {
        let unknown = |code: &OciErrorCode| {
            matches!(code, OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound)
        };
        let (reference, auth) = (self.reference(digest), self.registry.login.auth());
        match self.client.fetch_manifest_digest(&reference, &auth).await {
            Ok(found) => Ok(found == digest.to_string()),
            Err(OciDistributionError::RegistryError { envelope, .. })
                if envelope.errors.iter().any(|error| unknown(&error.code)) =>
            {
                Ok(false)
            }
            Err(OciDistributionError::ServerError { code: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn explain(&self, doing: String, error: OciDistributionError) -> Error {
        failure::explain(doing, self.registry, error)
    }
}

/// A push on its way.
struct Push<'a> {
    layout: &'a Layout,
    progress: &'a dyn Progress,
    pushed: Pushed,
    to: Connection<'a>,
}

impl Push<'_> {
    /// Sends a manifest after all that it names.
    async fn manifest(&mut self, digest: &Digest, doing: impl Fn() -> String) -> Result<()> {
        let failed = |to: &Connection<'_>, error| to.explain(doing(), error);
        if self.to.has_manifest(digest).await.map_err(|error| failed(&self.to, error))? {
            self.pushed.there += 1;
            return Ok(());
        }
        self.progress.step(&doing());
        let manifest = self.layout.check_image(digest)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            self.blob(blob).await.map_err(|error| failed(&self.to, error))?;
        }
        let bytes = fs::read(self.layout.blob_path(digest)).doing(&doing)?;
        self.pushed.sent += 1;
        self.pushed.bytes += bytes.len() as u64;
        // As it is: written anew, it would have another digest.
        let reference = self.to.reference(digest);
        let put = self.to.client.push_manifest_raw(&reference, bytes, media_type(Manifest::MEDIA_TYPE));
        put.await.map(drop).map_err(|error| failed(&self.to, error))
    }

    async fn blob(&mut self, blob: &Descriptor) -> Answer<()> {
        let (reference, digest) = (self.to.reference(&blob.digest), blob.digest.to_string());
        if self.to.client.blob_exists(&reference, &digest).await? {
            self.pushed.there += 1;
            return Ok(());
        }
        self.progress.detail(&format!("{} of {} bytes", blob.digest.short(), blob.size));
        let file = File::open(self.layout.blob_path(&blob.digest)).await?;
        let content = ReaderStream::with_capacity(file, CHUNK).map_err(OciDistributionError::from);
        self.to.client.push_blob_stream(&reference, content, &digest, Some(blob.size)).await?;
        self.pushed.sent += 1;
        self.pushed.bytes += blob.size;
        Ok(())
    }
}

fn media_type(name: &'static str) -> HeaderValue {
    HeaderValue::from_static(name)
}
