//! Build records: what stage 1 leaves behind for stage 2, beside the image itself.

use std::{
    fs, io,
    os::unix,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Context, Digest, Error, Repo, Result, deploy::Schema, durable, plain_file};

/// What is known of one image that was built on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRecord {
    /// The version of this record's form: 2.
    pub schema: Schema<SCHEMA>,
    /// The image.
    pub digest: Digest,
    /// The image's configuration: what `docker image inspect` shows as its ID.
    pub config_digest: Digest,
    /// The bytes of all blobs of the image together.
    pub size: u64,
    /// The last commit that touched an input of the build.
    pub revision: String,
    /// Whether inputs differed from that commit.
    pub dirty: bool,
    /// The digest of all that went into the build: inputs, toolchain and recipe.
    pub inputs: Digest,
    /// The toolchain, one program or library a line.
    pub toolchain: Vec<String>,
    /// The document that lists what is in the image (see [`crate::referrers::SBOM`]).
    pub sbom: Digest,
    /// The document that says how the image was made (see [`crate::referrers::PROVENANCE`]).
    pub provenance: Digest,
    /// When the image was made here first.
    pub built_at: DateTime<Utc>,
}

/// The version of the record's form that this code reads and writes.
const SCHEMA: u32 = 2;

/// The record that the last `build` ended with.
const NEWEST: &str = "newest.toml";

impl BuildRecord {
    /// Where this record is kept.
    pub fn path(&self, repo: &Repo) -> PathBuf {
        Self::path_of(repo, &self.digest)
    }

    /// Keeps the record and makes it the newest.
    pub fn save(&self, repo: &Repo) -> Result<()> {
        let path = self.path(repo);
        let doing = || format!("writing the build record {}", path.display());
        let text = toml::to_string(self).doing(doing)?;
        fs::create_dir_all(repo.builds()).doing(doing)?;
        durable::replace(&path, text.as_bytes(), 0o644).doing(doing)?;
        self.make_newest(repo)
    }

    /// Makes this the record that `release` takes if it is not told which.
    pub fn make_newest(&self, repo: &Repo) -> Result<()> {
        let newest = repo.builds().join(NEWEST);
        let temporary = newest.with_extension(std::process::id().to_string());
        let swap = || -> io::Result<()> {
            match fs::remove_file(&temporary) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => unix::fs::symlink(format!("{}.toml", self.digest.hex()), &temporary)?,
            }
            fs::rename(&temporary, &newest)
        };
        swap().doing(|| format!("pointing {} to the build", newest.display()))
    }

    /// The record that the last `build` ended with.
    pub fn newest(repo: &Repo) -> Result<Self> {
        Self::read(&repo.builds().join(NEWEST)).map_err(|error| no_build("there is no build yet", error))
    }

    /// The record of this image.
    pub fn of(repo: &Repo, image: &Digest) -> Result<Self> {
        let record = Self::read(&Self::path_of(repo, image))
            .map_err(|error| no_build(&format!("there is no build of {image} on this machine"), error))?;
        if record.digest == *image {
            return Ok(record);
        }
        let why = format!("its record is that of {}", record.digest);
        Err(Error::refused(format!("looking for the image {image}"), why)
            .next("run `cargo xtask build`: it writes the record anew"))
    }

    /// A record of a build from just these inputs.
    pub fn with_inputs(repo: &Repo, inputs: &Digest) -> Option<Self> {
        let records = repo.builds().read_dir().ok()?;
        records
            .flatten()
            .filter_map(|entry| Self::read(&entry.path()).ok())
            .find(|known| known.inputs == *inputs)
    }

    fn path_of(repo: &Repo, image: &Digest) -> PathBuf {
        repo.builds().join(format!("{}.toml", image.hex()))
    }

    fn read(path: &Path) -> std::result::Result<Self, ReadError> {
        let text = plain_file::read_text(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ReadError::Missing,
            _ => ReadError::Other(Error::failed(format!("reading {}", path.display()), error)),
        })?;
        toml::from_str(&text).map_err(|error| {
            // What another version wrote is not known here; a build finds it out anew.
            if toml::from_str::<Form>(&text).is_ok_and(|form| form.schema != SCHEMA) {
                return ReadError::Missing;
            }
            ReadError::Other(Error::failed(format!("reading {}", path.display()), error))
        })
    }
}

/// What all versions of the record have in common.
#[derive(Deserialize)]
struct Form {
    schema: u32,
}

enum ReadError {
    Missing,
    Other(Error),
}

fn no_build(why: &str, error: ReadError) -> Error {
    match error {
        ReadError::Missing => Error::not_found("looking for the image", why).next("run `cargo xtask build`"),
        ReadError::Other(error) => error.next("run `cargo xtask build`: it writes the record anew"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_version_counts_as_none_and_a_broken_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.toml");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            BuildRecord::read(&path).map_err(|error| matches!(error, ReadError::Missing))
        };
        assert_eq!(read("schema = 1\nsize = 10\n"), Err(true));
        assert_eq!(read("schema = 2\nsize = 10\n"), Err(false));
        assert_eq!(read("size = 10\n"), Err(false));
    }
}
