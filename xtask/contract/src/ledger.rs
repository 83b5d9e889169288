//! The ledger, `releases/ENV/ID/`, as its readers see it. A release is read only as it was written: every
//! file is held against the release's list of checksums, and that list against the release that follows.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Context, Digest, EnvName, Error, Release, ReleaseId, Repo, Result, release::Link};

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
}

impl Verified {
    /// The reference by which the next release names this one.
    pub fn link(&self) -> Link {
        Link { id: self.release.id, digest: self.digest }
    }
}

impl Ledger {
    /// The ledger of a deploy.
    pub fn of(repo: &Repo, env: &EnvName) -> Self {
        Self { env: env.clone(), folder: repo.releases(env) }
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
        let folder = self.folder_of(id);
        if !folder.is_dir() {
            return Err(self.missing(id));
        }
        let mut files = self.read_files(id, &folder)?;
        let sums =
            files.remove(Release::CHECKSUMS).ok_or_else(|| self.broken(id, "it has no list of checksums"))?;
        if let Some(why) = difference(&sums, &files) {
            return Err(self.broken(id, &why));
        }
        let text = files.get(Release::FILE).ok_or_else(|| self.broken(id, "it has no release.toml"))?;
        let release: Release = toml::from_str(&String::from_utf8_lossy(text)).map_err(|error| {
            Error::refused(format!("reading the release {id} of {}", self.env), error).next(
                "it was made by another version of xtask: check that out to run it, or make a new release",
            )
        })?;
        if release.id != id || release.env != self.env {
            return Err(
                self.broken(id, &format!("its manifest is that of {} of {}", release.id, release.env))
            );
        }
        let objects = files.get(Release::OBJECTS).map(|text| String::from_utf8_lossy(text).into_owned());
        Ok(Verified { release, digest: Digest::of(&sums), objects })
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
             the deploy's history instead, move releases/{env} away and make a new release"
        ))
    }
}

/// The list of checksums of these files, as `sha256sum` would write it.
pub fn checksums(files: &BTreeMap<String, Vec<u8>>) -> String {
    files
        .iter()
        .fold(String::new(), |list, (name, content)| list + &Digest::of(content).hex() + "  " + name + "\n")
}

/// What is not as the list says, if anything.
fn difference(sums: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    if checksums(files).as_bytes() == sums {
        return None;
    }
    let text = String::from_utf8_lossy(sums);
    let listed: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(hex, name)| (name, hex)).collect();
    let list_edited = || Some(format!("{} was edited", Release::CHECKSUMS));
    if !listed.contains_key(Release::FILE) {
        return list_edited();
    }
    let edited = files.iter().find_map(|(name, content)| match listed.get(name.as_str()) {
        None => Some(format!("{name} was added to it")),
        Some(hex) if *hex != Digest::of(content).hex() => Some(format!("{name} was edited")),
        Some(_) => None,
    });
    let missing =
        || listed.keys().find(|name| !files.contains_key(**name)).map(|name| format!("{name} is missing"));
    edited.or_else(missing).or_else(list_edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_to_a_release_is_named() {
        let files = |list: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
            list.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let made = files(&[("objects.yaml", "a"), ("release.toml", "b")]);
        let sums = checksums(&made);
        let check = |list: &[(&str, &str)]| difference(sums.as_bytes(), &files(list));
        assert_eq!(check(&[("objects.yaml", "a"), ("release.toml", "b")]), None);
        assert_eq!(
            check(&[("objects.yaml", "a"), ("release.toml", "B")]).unwrap(),
            "release.toml was edited"
        );
        assert_eq!(check(&[("release.toml", "b")]).unwrap(), "objects.yaml is missing");
        let more = [("extra", ""), ("objects.yaml", "a"), ("release.toml", "b")];
        assert_eq!(check(&more).unwrap(), "extra was added to it");
        for list in ["", "nonsense", &format!("{sums}\n")] {
            assert_eq!(difference(list.as_bytes(), &made).unwrap(), "SHA256SUMS was edited");
        }
    }
}
