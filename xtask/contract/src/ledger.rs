//! The ledger, `releases/ENV/ID/`, as its readers see it. A release is read only as it was written: every
//! file is held against the release's list of checksums, and that list against the release that follows.

mod files;
mod looking;

use std::{
    collections::BinaryHeap,
    fs, io, iter,
    path::{Path, PathBuf},
    thread,
};

use serde::{Deserialize, de::DeserializeOwned};

use files::{Doubt, Files};
pub use looking::Found;

use crate::{
    Context, Digest, EnvName, Error, Release, ReleaseId, Repo, Result,
    deploy::Schema,
    release::{Image, Link},
    signature::Signer,
};

/// One deploy's releases.
#[derive(Debug, Clone)]
pub struct Ledger {
    env: EnvName,
    folder: PathBuf,
}

/// A release that is what it was when it was made.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The manifest.
    pub release: Release,
    /// Its digest, that of its list of checksums.
    pub digest: Digest,
    /// The rendered Kubernetes objects, for a target that has them.
    pub objects: Option<String>,
    /// The list of checksums, and its signature if there is one.
    pub(crate) sums: String,
    pub(crate) signature: Option<Vec<u8>>,
    /// Whether it is a quick build, which stands in no ledger.
    pub(crate) quick: bool,
}

impl Verified {
    /// One that stands in no ledger, and so in no chain: what a quick build runs as.
    pub fn unpublished(release: Release, objects: Option<String>) -> Result<Self> {
        let text = release.to_toml().doing(|| "writing the release down")?;
        let digest = Digest::of(text);
        Ok(Self { digest, release, objects, sums: String::new(), signature: None, quick: true })
    }

    /// Whether it is a quick build: no ledger knows it, and no deploy remembers it.
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// What the answers of the service bear, and its pods: the release's ID, or the mark of a quick build.
    pub fn mark(&self) -> String {
        if self.quick { self.release.quick_mark() } else { self.release.id.to_string() }
    }

    /// The reference by which the next release names this one.
    pub fn link(&self) -> Link {
        Link { id: self.release.id, digest: self.digest }
    }

    /// Whether another release runs the same image, config, secrets and objects. Its author and time do not count.
    pub fn is_like(&self, other: &Self) -> bool {
        let content = |verified: &Self| {
            let Release { id, image, .. } = &verified.release;
            let under = |text: &String| text.replace(&id.to_string(), "ID").replace(&id.as_name(), "ID");
            let objects = verified.objects.as_ref().map(under);
            let release = Release {
                id: other.release.id,
                sequence: 0,
                by: String::new(),
                previous: None,
                rollback_to: None,
                // One image is of one service, whether that was written down or not.
                service: None,
                image: Image { revision: String::new(), dirty: false, ..image.clone() },
                // Sealing a value again makes it no other one.
                secrets: None,
                ..verified.release.clone()
            };
            (release, verified.release.commitments(), objects)
        };
        content(self) == content(other)
    }

    /// Which of these has signed the release.
    pub fn signer<'a>(&self, signers: &'a [Signer]) -> Option<&'a Signer> {
        let signature = self.signature.as_ref()?;
        signers.iter().find(|signer| signer.signed(self.sums.as_bytes(), signature))
    }

    /// Whether there is anything in a signature's place. It is one only if [`Self::signer`] knows whose.
    pub fn has_signature(&self) -> bool {
        self.signature.is_some()
    }
}

/// The part of a manifest that makes it a link of the chain.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    #[expect(dead_code, reason = "its being read is the check")]
    schema: Schema<2>,
    id: ReleaseId,
    env: EnvName,
    pub(crate) sequence: u64,
    pub(crate) previous: Option<Link>,
    pub(crate) image: Image,
}

impl Ledger {
    /// The ledger of a deploy.
    pub fn of(repo: &Repo, env: &EnvName) -> Self {
        Self { env: env.clone(), folder: repo.releases(env) }
    }

    /// The ledger of a deploy in this folder, such as an exported one.
    pub fn at(folder: PathBuf, env: EnvName) -> Self {
        Self { env, folder }
    }

    /// The deploy.
    pub fn env(&self) -> &EnvName {
        &self.env
    }

    /// The deploy's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A release's folder.
    pub fn folder_of(&self, id: ReleaseId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// The IDs of all releases, oldest first.
    pub fn ids(&self) -> Result<Vec<ReleaseId>> {
        let mut ids: Vec<ReleaseId> = self.names()?.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// The IDs of the releases, newest first: for whom a few of them are enough.
    pub fn newest_first(&self) -> Result<impl Iterator<Item = ReleaseId>> {
        // They order as their texts do, of which no more are read than are asked for.
        let mut names = BinaryHeap::from(self.names()?);
        Ok(iter::from_fn(move || names.pop()).filter_map(|name| name.parse().ok()))
    }

    /// The newest release's ID.
    pub fn newest(&self) -> Result<ReleaseId> {
        self.newest_first()?.next().ok_or_else(|| {
            Error::refused(format!("looking for the newest release of {}", self.env), "there is none yet")
                .next(format!("run `cargo xtask release --env {}`, or `cargo xtask up --env {0}`", self.env))
        })
    }

    /// The names in the deploy's folder.
    fn names(&self) -> Result<Vec<String>> {
        let doing = || format!("reading the releases of {}", self.env);
        let entries = match self.folder.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.doing(doing)?,
        };
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
        entries.filter_map(|entry| name(entry).transpose()).collect::<io::Result<_>>().doing(doing)
    }

    /// Reads a release and proves that it, and the one before it, are as they were made.
    pub fn load(&self, id: ReleaseId) -> Result<Verified> {
        let verified = self.load_alone(id)?;
        match self.break_before(&verified.release) {
            Some(error) => Err(error),
            None => Ok(verified),
        }
    }

    pub(crate) fn load_alone(&self, id: ReleaseId) -> Result<Verified> {
        let files = self.files(id)?;
        let release = self.release(id, &files)?;
        self.check_place(id, release.id, &release.env)?;
        let digest = files.digest();
        let Files { objects, sums, signature, .. } = files;
        Ok(Verified { release, digest, objects, sums, signature, quick: false })
    }

    /// The release that one says that it follows, proved or not; none, if it does not say.
    pub fn said_to_follow(&self, id: ReleaseId) -> Result<Option<ReleaseId>> {
        #[derive(Deserialize)]
        struct Says {
            previous: Option<Link>,
        }
        let says: Says = self.parse(id, &self.found(id)?.manifest)?;
        Ok(says.previous.map(|previous| previous.id))
    }

    /// A release as a link of the chain: all of its files are checked, and no more of it is read than that takes.
    pub(crate) fn head(&self, id: ReleaseId) -> Result<(Head, Link)> {
        let files = self.files(id)?;
        let head: Head = self.parse(id, &files.manifest)?;
        self.check_place(id, head.id, &head.env)?;
        Ok((head, Link { id, digest: files.digest() }))
    }

    /// Why a release does not follow the one before it.
    fn break_before(&self, release: &Release) -> Option<Error> {
        match self.load_alone(release.previous?.id) {
            Ok(found) => self.break_between(found.digest, release),
            Err(error) => Some(error),
        }
    }

    /// Why a release does not follow the one before it, which has this digest.
    fn break_between(&self, before: Digest, release: &Release) -> Option<Error> {
        let previous = release.previous.filter(|previous| previous.digest != before)?;
        let why =
            format!("it follows {} with the digest {}, but that has {before}", previous.id, previous.digest);
        Some(self.broken(release.id, &why))
    }

    /// A release's files, which are those of its list of checksums.
    fn files(&self, id: ReleaseId) -> Result<Files> {
        let files = self.found(id)?;
        match &files.doubt {
            Some(doubt) => Err(self.altered(id, doubt)),
            None => Ok(files),
        }
    }

    fn found(&self, id: ReleaseId) -> Result<Files> {
        match Files::read(&self.folder_of(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.missing(id)),
            files => files.doing(|| format!("reading the release {id} of {}", self.env)),
        }
    }

    /// The manifest, with what was not written down in earlier ones.
    fn release(&self, id: ReleaseId, files: &Files) -> Result<Release> {
        let release: Release = self.parse(id, &files.manifest)?;
        let service = release.service.clone().or_else(|| files.service());
        Ok(Release { service, ..release })
    }

    fn parse<T: DeserializeOwned>(&self, id: ReleaseId, manifest: &str) -> Result<T> {
        toml::from_str(manifest).map_err(|error| {
            Error::refused(format!("reading the release {id} of {}", self.env), error).next(
                "it was made by another version of xtask: check that out to run it, or make a new release",
            )
        })
    }

    /// A release in the folder of another one was moved there.
    fn check_place(&self, place: ReleaseId, id: ReleaseId, env: &EnvName) -> Result<()> {
        if id == place && *env == self.env {
            return Ok(());
        }
        Err(self.broken(place, &format!("its manifest is that of {id} of {env}")))
    }

    fn missing(&self, id: ReleaseId) -> Error {
        Error::refused(format!("reading the release {id} of {}", self.env), "there is no such release")
            .next(format!("`cargo xtask releases --env {}` lists those there are", self.env))
    }

    pub(crate) fn broken(&self, id: ReleaseId, why: &str) -> Error {
        self.unfit(id, why).next(self.restore(id, id))
    }

    /// What to do where this release is not as it was, so that that one does not verify.
    pub(crate) fn restore(&self, this: ReleaseId, that: ReleaseId) -> String {
        let env = &self.env;
        let it = if this == that { "it".to_owned() } else { that.to_string() };
        format!(
            "restore releases/{env}/{this} as it was (`git checkout -- releases/{env}` if it is committed); if {it} never \
             ran, set it aside: `{}`; to give up the deploy's history instead: `cargo xtask down --env {env} --data`, \
             which deletes its data, too, then move releases/{env} away and make a new release",
            self.set_aside(that)
        )
    }

    /// The refusal of a release whose files are not what they were.
    fn altered(&self, id: ReleaseId, doubt: &Doubt) -> Error {
        match doubt {
            Doubt::Added(names) => {
                let take_out = Doubt::take_out(names, &format!("releases/{}/{id}", self.env));
                self.unfit(id, &doubt.to_string())
                    .next(format!("take that out, which is all that is wrong: `{take_out}`"))
            }
            Doubt::Other(why) => self.broken(id, why),
        }
    }

    /// The refusal of a release on whose account `run` refuses the ledger.
    pub(crate) fn unfit(&self, id: ReleaseId, why: &str) -> Error {
        Error::refused(format!("verifying the release {id} of {}", self.env), why)
    }

    /// The command that takes a release out of the chain.
    pub(crate) fn set_aside(&self, id: ReleaseId) -> String {
        format!("cargo xtask releases set-aside {id} --env {}", self.env)
    }
}

/// Reads releases with all of the machine's processors: it is hashing and parsing that takes the time.
pub(crate) fn on_all_processors<T: Send>(ids: &[ReleaseId], read: impl Fn(ReleaseId) -> T + Sync) -> Vec<T> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = ids.len().div_ceil(processors).max(1);
    let read = &read;
    thread::scope(|scope| {
        let parts: Vec<_> = ids
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|id| read(*id)).collect::<Vec<_>>()))
            .collect();
        let join = |part: thread::ScopedJoinHandle<'_, Vec<T>>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().flat_map(join).collect()
    })
}
