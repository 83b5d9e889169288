//! Brings an image, and the documents about it, from the layout to a registry, by digest: no tag can move it.
//! What is there already is not sent again.

mod connection;
mod docker_config;
mod documents;
mod failure;
mod login;
mod silence;
mod token;

use std::fs;

use reqwest::{Method, StatusCode};
use xtask_contract::{
    Context, Digest, Layout, Progress, Repository, Result, image::Descriptor, image::Manifest,
};

use xtask_run::Pushed;

use connection::{Access, Answer, Ask, Connection};
pub use login::Login;

/// The kinds of manifest that are asked for.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

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
    /// A repository, with the login from this machine's environment or Docker config file.
    pub fn of(repository: &'a Repository, plain_http: bool) -> Result<Self> {
        Ok(Self { repository, plain_http, login: Login::at_hand(repository.host())? })
    }
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
    let mut push = Push {
        layout,
        progress,
        pushed: Pushed::default(),
        to: Connection::open(registry, Access::Push, doing)?,
    };
    push.manifest(image, doing).await?;
    if let Err(error) = documents::push(&mut push, image, &about).await {
        progress.note(&format!("the image is at the registry; the documents about it are not: {error}"));
    }
    Ok(push.pushed)
}

/// Whether an image is at the registry.
pub async fn has(registry: &Registry<'_>, image: &Digest) -> Result<bool> {
    let doing = || format!("looking for the image {} at {}", image.short(), registry.repository);
    let to = Connection::open(registry, Access::Pull, doing)?;
    to.has_manifest(image).await.map_err(|error| to.explain(doing(), error))
}

impl Connection<'_> {
    /// Whether a manifest is there: what it is said to be is not taken for granted.
    async fn has_manifest(&self, digest: &Digest) -> Answer<bool> {
        let at = || self.at(&format!("manifests/{digest}"));
        let answered = self.ask(Ask::new(Method::HEAD, at()).accepting(MANIFESTS)).await?;
        if answered.status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        if let Some(is_it) = answered.yes()?.names(digest) {
            return Ok(is_it);
        }
        let whole = self.ask(Ask::new(Method::GET, at()).accepting(MANIFESTS)).await?;
        Ok(whole.status != StatusCode::NOT_FOUND && Digest::of(&whole.yes()?.body) == *digest)
    }

    /// Whether a blob is there, which an answer of the right digest or length shows: the page of a gateway in front of
    /// the registry answers, too. Another host may not answer this question at all. In doubt, the blob is sent.
    async fn has_blob(&self, blob: &Descriptor) -> Answer<bool> {
        let at = self.at(&format!("blobs/{}", blob.digest));
        let answered = self.ask(Ask::new(Method::HEAD, at)).await?;
        if answered.status == StatusCode::NOT_FOUND
            || (answered.is_elsewhere(self) && !answered.status.is_success())
        {
            return Ok(false);
        }
        let answered = answered.yes()?;
        Ok(answered.names(&blob.digest).unwrap_or_else(|| answered.length() == Some(blob.size)))
    }

    async fn put_manifest(&self, reference: &str, kind: &'static str, bytes: Vec<u8>) -> Answer<()> {
        let digest = Digest::of(&bytes);
        let at = self.at(&format!("manifests/{reference}"));
        let answered = self.ask(Ask::new(Method::PUT, at).bytes(kind, bytes)).await?.yes()?;
        if answered.is_kept(&digest) || self.has_manifest(&digest).await? {
            return Ok(());
        }
        Err(answered.not_kept("the manifest"))
    }

    async fn put_blob(&self, layout: &Layout, blob: &Descriptor) -> Answer<()> {
        let begun = self.ask(Ask::new(Method::POST, self.at("blobs/uploads/"))).await?.yes()?;
        let mut at = begun.location()?;
        at.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let put = Ask::new(Method::PUT, at).file(layout.blob_path(&blob.digest), blob.size);
        let answered = self.ask(put).await?.yes()?;
        if answered.is_kept(&blob.digest) || self.has_blob(blob).await? {
            return Ok(());
        }
        Err(answered.not_kept("a blob"))
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
        let put = self.to.put_manifest(&digest.to_string(), Manifest::MEDIA_TYPE, bytes).await;
        put.map_err(|error| failed(&self.to, error))
    }

    async fn blob(&mut self, blob: &Descriptor) -> Answer<()> {
        if self.to.has_blob(blob).await? {
            self.pushed.there += 1;
            return Ok(());
        }
        self.progress.detail(&format!("{} of {} bytes", blob.digest.short(), blob.size));
        self.to.put_blob(self.layout, blob).await?;
        self.pushed.sent += 1;
        self.pushed.bytes += blob.size;
        Ok(())
    }
}
