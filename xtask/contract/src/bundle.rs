//! A release with all that proves it, in one file: a tar archive of the image, as an OCI layout (which skopeo, podman and
//! others read as `oci-archive`) and as `docker load` takes it, with the documents about it, and of the deploy's ledger up
//! to the release, `releases/ENV/ID/`. A bundle has just the files that are packed here, so every tool finds the same
//! one image in it, in either format.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use serde::Deserialize;
use tar::EntryType;
use tempfile::TempDir;

use crate::{
    Context, Digest, EnvName, Error, Layout, Ledger, Release, ReleaseId, Result,
    archive::Archive,
    image::{Descriptor, Manifest},
    layout::{Index, MARK, REFERRERS, blob_name},
    ledger::Verified,
    plain_file::{self, Folder, TEXT},
    release::image_name,
};

/// The most bytes of a bundle.
const MOST: u64 = 2 << 30;

/// The files of a release, as a bundle has them.
const OF_RELEASE: [&str; 4] = [Release::CHECKSUMS, Release::SIGNATURE, Release::OBJECTS, Release::FILE];

/// Packs a release: its image, and the ledger up to it, which must have been verified.
pub fn pack(ledger: &Ledger, layout: &Layout, release: &Verified) -> Result<Vec<u8>> {
    let (env, id) = (ledger.env(), release.release.id);
    let mut archive = Archive::with_capacity(16 << 20);
    let about = layout.artifacts_about(&release.release.image.digest)?;
    let blobs = layout.blobs_of(&release.release.image.digest, &about)?;
    layout.pack(lists(layout, &release.release, &about)?, &blobs, &mut archive)?;
    let mut add = || -> io::Result<()> {
        let up_to = ledger.ids().map_err(io::Error::other)?.into_iter().filter(|other| *other <= id);
        for id in up_to {
            let folder = Folder::open(&ledger.folder_of(id))?;
            for name in folder.names()? {
                let place = format!("releases/{env}/{id}/{name}");
                archive.file(&place, 0o444, &folder.read(&name, TEXT)?)?;
            }
        }
        Ok(())
    };
    add().doing(|| format!("packing the releases of {env} up to {id}"))?;
    archive.finish().doing(|| format!("packing the release {id} of {env}"))
}

/// The files that say which image there is, and which documents about it.
fn lists(layout: &Layout, release: &Release, about: &[Descriptor]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let service = layout.service_name(&release.image.digest)?;
    let tag = format!("{}:{}-{}", image_name(&service), release.env, release.id.as_name());
    let mut lists = layout.lists(&release.image.digest, &tag)?;
    let referrers = serde_json::to_vec(&Index::of(about.to_vec()));
    lists.push((REFERRERS, referrers.doing(|| "listing the documents about the image")?));
    Ok(lists)
}

/// What a document about an image says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    artifact_type: String,
    subject: Descriptor,
}

/// How a document about an image is listed.
fn entry(layout: &Layout, image: &Digest, document: &Digest) -> Result<Descriptor> {
    let doing = || format!("reading the document {document} about the image {image}");
    let About { artifact_type, subject } = layout.document(document)?;
    if subject.digest != *image {
        return Err(Error::refused(doing(), format!("it is about {}", subject.digest)));
    }
    let size = fs::metadata(layout.blob_path(document)).doing(doing)?.len();
    let entry = Descriptor::new(Manifest::MEDIA_TYPE, *document, size);
    Ok(Descriptor { artifact_type: Some(artifact_type), ..entry })
}

/// An unpacked bundle, in a temporary folder.
#[derive(Debug)]
pub struct Bundle {
    folder: TempDir,
    env: EnvName,
    /// The files in it that are of no release.
    of_image: BTreeSet<String>,
}

impl Bundle {
    /// Unpacks a bundle. Nothing of it has been verified then.
    pub fn open(path: &Path) -> Result<Self> {
        let doing = || format!("reading the bundle {}", path.display());
        let file = plain_file::open_named(path, MOST).map_err(|error| match error.kind() {
            io::ErrorKind::Other => not_a_bundle(path, &error.to_string()),
            _ => Error::failed(doing(), error),
        })?;
        let folder = tempfile::tempdir().doing(doing)?;
        let names = unpack(file, folder.path()).map_err(|error| not_a_bundle(path, &error.to_string()))?;
        let env =
            the_deploy(folder.path()).ok_or_else(|| not_a_bundle(path, "it holds no deploy's ledger"))?;
        let of_image = names.into_iter().filter(|name| !name.starts_with("releases/")).collect();
        Ok(Self { folder, env, of_image })
    }

    /// The ledger up to the release.
    pub fn ledger(&self) -> Ledger {
        let folder = self.folder.path().join("releases").join(self.env.as_str());
        Ledger::at(folder, self.env.clone())
    }

    /// The release: the last one of the ledger.
    pub fn release(&self) -> Result<ReleaseId> {
        self.ledger().newest()
    }

    /// The layout that holds the image.
    pub fn layout(&self) -> Layout {
        Layout::of_one(self.folder.path())
    }

    /// Checks that the image of its release, which must have been verified, is there and whole, that it is the one that
    /// every reader finds, and that there is nothing else.
    pub fn check(&self, release: &Release) -> Result<()> {
        let (layout, image) = (self.layout(), &release.image.digest);
        layout.check_image(image)?;
        let about: Vec<Digest> = layout
            .index()
            .map_or_else(Vec::new, |index| index.manifests.iter().map(|one| one.digest).collect());
        let about = about.iter().map(|one| entry(&layout, image, one)).collect::<Result<Vec<_>>>()?;
        let blobs = layout.blobs_of(image, &about)?;
        blobs.iter().try_for_each(|blob| layout.check(blob))?;
        let mut expected = BTreeSet::new();
        for (name, content) in lists(&layout, release, &about)? {
            let found = plain_file::read(&self.folder.path().join(name), TEXT);
            if found.map_err(|_| self.unlike(&format!("it has no {name}")))? != content {
                return Err(self.unlike(&format!("{name} is not that of the image {image}")));
            }
            expected.insert(name.to_owned());
        }
        expected.extend(blobs.iter().map(blob_name));
        match self.of_image.symmetric_difference(&expected).next() {
            None => Ok(()),
            Some(name) => Err(self.unlike(&format!("{name} is no part of the release"))),
        }
    }

    fn unlike(&self, why: &str) -> Error {
        Error::refused(format!("verifying the bundle of {}", self.env), why)
            .next("it is not as `cargo xtask releases export` made it: ask for another copy")
    }
}

/// Unpacks plain files into a folder, and tells their names; anything else has no place in a bundle.
fn unpack(file: File, into: &Path) -> io::Result<BTreeSet<String>> {
    let refuse = |why: String| Err(io::Error::other(why));
    let mut archive = tar::Archive::new(io::BufReader::new(file.take(MOST)));
    let mut names = BTreeSet::new();
    // As they are: what a header says of the next one, readers understand in their own ways.
    for entry in archive.entries()?.raw(true) {
        let mut entry = match entry {
            // Whose words would be about its innards.
            Err(_) if names.is_empty() => return refuse("it is no tar archive".to_owned()),
            entry => entry?,
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if names.is_empty() && name != MARK {
            return refuse(format!("it begins with {name}, not with {MARK}"));
        }
        if entry.header().entry_type() != EntryType::Regular {
            return refuse(format!("{name} is not a plain file"));
        }
        if !has_place(&name) {
            return refuse(format!("{name} has no place in it"));
        }
        let target = into.join(&name);
        fs::create_dir_all(target.parent().unwrap_or(into))?;
        // A second file of one name would hide the first.
        io::copy(&mut entry, &mut File::create_new(&target)?)?;
        names.insert(name);
    }
    let rest = archive.into_inner();
    if names.is_empty() {
        return refuse("it is empty".to_owned());
    }
    if rest.bytes().any(|byte| byte.is_ok_and(|byte| byte != 0)) {
        return refuse("there is more after its end".to_owned());
    }
    Ok(names)
}

/// Whether a bundle may have a file of this name.
fn has_place(name: &str) -> bool {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [list] => [MARK, "index.json", "manifest.json", REFERRERS].contains(list),
        ["blobs", "sha256", hex] => format!("sha256:{hex}").parse::<Digest>().is_ok(),
        ["releases", env, id, file] => {
            env.parse::<EnvName>().is_ok() && id.parse::<ReleaseId>().is_ok() && OF_RELEASE.contains(file)
        }
        _ => false,
    }
}

/// The one deploy whose releases are there.
fn the_deploy(folder: &Path) -> Option<EnvName> {
    let mut names = folder.join("releases").read_dir().ok()?.flatten();
    let only = names.next()?.file_name().to_str()?.parse().ok();
    names.next().is_none().then_some(only)?
}

fn not_a_bundle(path: &Path, why: &str) -> Error {
    Error::refused(format!("reading the bundle {}", path.display()), why)
        .next("`cargo xtask releases export ID` makes one")
}

#[cfg(test)]
mod tests;
