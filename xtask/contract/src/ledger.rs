//! The ledger, `releases/ENV/ID/`, as its readers see it. A release is read only as it was written: every
//! file is held against the release's list of checksums, and that list against the release that follows.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Context, Digest, EnvName, Error, Release, ReleaseId, Repo, Result,
    checksums::difference,
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
}

impl Verified {
    /// The reference by which the next release names this one.
    pub fn link(&self) -> Link {
        Link { id: self.release.id, digest: self.digest }
    }

    /// Which of these has signed the release.
    pub fn signer<'a>(&self, signers: &'a [Signer]) -> Option<&'a Signer> {
        let signature = self.signature.as_ref()?;
        signers.iter().find(|signer| signer.signed(self.sums.as_bytes(), signature))
    }

    /// Whether anybody has.
    pub fn is_signed(&self) -> bool {
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

/// A release's files, which are those of its list of checksums.
struct Files {
    manifest: String,
    objects: Option<String>,
    sums: String,
    signature: Option<Vec<u8>>,
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
        let doing = || format!("reading the releases of {}", self.env);
        let mut ids = Vec::new();
        match self.folder.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ids),
            Err(error) => return Err(Error::failed(doing(), error)),
            Ok(entries) => {
                for entry in entries {
                    let name = entry.doing(doing)?.file_name();
                    ids.extend(name.to_str().and_then(|name| name.parse::<ReleaseId>().ok()));
                }
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The newest release's ID.
    pub fn newest(&self) -> Result<ReleaseId> {
        self.ids()?.pop().ok_or_else(|| {
            Error::refused(format!("looking for the newest release of {}", self.env), "there is none yet")
                .next(format!("run `cargo xtask release --env {}`, or `cargo xtask up --env {0}`", self.env))
        })
    }

    /// Reads a release and proves that it, and the one before it, are as they were made.
    pub fn load(&self, id: ReleaseId) -> Result<Verified> {
        let verified = self.load_alone(id)?;
        if let Some(previous) = verified.release.previous {
            let found = self.load_alone(previous.id)?.digest;
            if found != previous.digest {
                let why = format!(
                    "it follows {} with the digest {}, but that has {found}",
                    previous.id, previous.digest
                );
                return Err(self.broken(id, &why));
            }
        }
        Ok(verified)
    }

    pub(crate) fn load_alone(&self, id: ReleaseId) -> Result<Verified> {
        let Files { manifest, objects, sums, signature } = self.files(id)?;
        let release: Release = self.parse(id, &manifest)?;
        self.check_place(id, release.id, &release.env)?;
        Ok(Verified { release, digest: Digest::of(&sums), objects, sums, signature })
    }

    /// A release as a link of the chain: all of its files are checked, and no more of it is read than that takes.
    pub(crate) fn head(&self, id: ReleaseId) -> Result<(Head, Link)> {
        let files = self.files(id)?;
        let head: Head = self.parse(id, &files.manifest)?;
        self.check_place(id, head.id, &head.env)?;
        Ok((head, Link { id, digest: Digest::of(&files.sums) }))
    }

    fn files(&self, id: ReleaseId) -> Result<Files> {
        let folder = self.folder_of(id);
        if !folder.is_dir() {
            return Err(self.missing(id));
        }
        let mut files = self.read_files(id, &folder)?;
        let signature = files.remove(Release::SIGNATURE);
        let sums =
            files.remove(Release::CHECKSUMS).ok_or_else(|| self.broken(id, "it has no list of checksums"))?;
        if let Some(why) = difference(&sums, &files) {
            return Err(self.broken(id, &why));
        }
        let text = |content: Vec<u8>| String::from_utf8_lossy(&content).into_owned();
        let manifest = files.remove(Release::FILE).map(text);
        let manifest = manifest.ok_or_else(|| self.broken(id, "it has no release.toml"))?;
        let objects = files.remove(Release::OBJECTS).map(text);
        Ok(Files { manifest, objects, sums: text(sums), signature })
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

    fn read_files(&self, id: ReleaseId, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
        let read = || -> io::Result<_> {
            let names = folder.read_dir()?.map(|entry| Ok(entry?.file_name()));
            names
                .map(|name| {
                    name.and_then(|name| {
                        Ok((name.to_string_lossy().into_owned(), fs::read(folder.join(name))?))
                    })
                })
                .collect()
        };
        read().doing(|| format!("reading the release {id} of {}", self.env))
    }

    pub(crate) fn broken(&self, id: ReleaseId, why: &str) -> Error {
        let env = &self.env;
        Error::refused(format!("verifying the release {id} of {env}"), why).next(format!(
            "restore releases/{env}/{id} as it was (`git checkout -- releases/{env}` if it is committed); to give up \
             the deploy's history instead: `cargo xtask down --env {env} --data`, which deletes its data, too, then \
             move releases/{env} away and make a new release"
        ))
    }
}
