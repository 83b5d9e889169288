//! The image layout: blobs by digest and an index of the images, as the OCI image layout specification has
//! it, so that every tool that reads such layouts (skopeo, crane, podman, ctr) reads this one.

mod described;

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Context, Digest, Error, Result,
    archive::Archive,
    digest::Hashed,
    durable,
    image::{Config, Descriptor, Manifest},
    plain_file,
};

/// The file that an archive of a layout begins with.
pub(crate) const MARK: &str = "oci-layout";
/// What every layout holds in it.
pub const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The most bytes of a blob, and of one that is read as a document.
const BLOB: u64 = 2 << 30;
const DOCUMENT: u64 = 4 << 20;

/// The names of the files that list what is in a layout. Beside the one that each layout has: the one that Docker reads,
/// and the documents about the image, where they are listed by themselves.
const INDEX: &str = "index.json";
const DOCKER: &str = "manifest.json";
pub(crate) const REFERRERS: &str = "referrers.json";

/// An OCI image layout in a folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    /// The file that lists the documents about images.
    referrers: &'static str,
}

/// The layout's table of contents, `index.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    pub(crate) manifests: Vec<Descriptor>,
}

/// An image as `docker save` lists it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Saved<'a> {
    config: String,
    repo_tags: [&'a str; 1],
    layers: Vec<String>,
}

impl Index {
    /// The table of contents of a layout with these images.
    pub fn of(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, manifests }
    }
}

impl Layout {
    /// The layout in this folder, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), referrers: INDEX }
    }

    /// The layout of a single image in this folder, as a bundle has it.
    pub(crate) fn of_one(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), referrers: REFERRERS }
    }

    /// Where a blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Keeps a blob and tells its digest. A blob that is there already is not written again.
    pub fn put(&self, content: &[u8]) -> Result<Digest> {
        let digest = Digest::of(content);
        let path = self.blob_path(&digest);
        let same_length = fs::metadata(&path).is_ok_and(|file| file.len() == content.len() as u64);
        if !(same_length && self.check(&digest).is_ok()) {
            fs::create_dir_all(self.blobs())
                .and_then(|()| durable::replace(&path, content, 0o644))
                .doing(|| format!("writing the image blob {}", path.display()))?;
        }
        Ok(digest)
    }

    /// Adds an image to the table of contents.
    pub fn add(&self, image: Descriptor) -> Result<()> {
        let digest = image.digest;
        self.list(image, |other| other.digest == digest)
    }

    /// Adds something to the table of contents, in place of what it replaces.
    pub(crate) fn list(&self, new: Descriptor, replaces: impl Fn(&Descriptor) -> bool) -> Result<()> {
        let write = || -> io::Result<()> {
            let _lock = durable::lock(&self.root.join(".lock"))?;
            durable::replace(&self.root.join(MARK), VERSION.as_bytes(), 0o644)?;
            // An index that cannot be read is made anew: all of this folder can be rebuilt.
            let mut listed = self.list_in(INDEX).map_or_else(Vec::new, |index| index.manifests);
            listed.retain(|other| !replaces(other));
            listed.push(new);
            durable::replace(&self.root.join(INDEX), &serde_json::to_vec_pretty(&Index::of(listed))?, 0o644)
        };
        write().doing(|| format!("adding to the images in {}", self.root.display()))
    }

    /// What lists the documents about images, if it can be read.
    pub(crate) fn index(&self) -> Option<Index> {
        self.list_in(self.referrers)
    }

    fn list_in(&self, name: &str) -> Option<Index> {
        serde_json::from_slice(&plain_file::read(&self.root.join(name), DOCUMENT).ok()?).ok()
    }

    /// An image's manifest, checked against its digest.
    pub fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        self.document(digest)
    }

    /// An image's configuration, checked against its digest.
    pub fn config(&self, manifest: &Manifest) -> Result<Config> {
        self.document(&manifest.config.digest)
    }

    /// Checks that an image's blobs are all there and are what their digests say.
    pub fn check_image(&self, digest: &Digest) -> Result<Manifest> {
        let manifest = self.manifest(digest)?;
        self.check(&manifest.config.digest)?;
        manifest.layers.iter().try_for_each(|layer| self.read_layer(layer, |_| Ok(())))?;
        Ok(manifest)
    }

    /// Has a layer read, which must be what its digest says.
    pub fn read_layer<T>(
        &self,
        layer: &Descriptor,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T> {
        let (path, most) = (self.blob_path(&layer.digest), layer.size.min(BLOB));
        let file = plain_file::open(&path, most).map_err(|error| unreadable(&path, &layer.digest, &error))?;
        let mut content = Hashed::of(file.take(most));
        let result = read(&mut content);
        // What is not as it should be is told before what came of reading it.
        let found = content.finish().map_err(|error| unreadable(&path, &layer.digest, &error))?;
        if found != layer.digest {
            return Err(altered(&layer.digest));
        }
        result.doing(|| format!("reading the image layer {}", layer.digest))
    }

    /// The image as one archive, both as an OCI layout and as `docker save` writes it, since Docker before 25
    /// loads nothing else. `tag` is the name that Docker gives it.
    pub fn archive(&self, image: &Digest, tag: &str) -> Result<Vec<u8>> {
        let room = usize::try_from(self.manifest(image)?.size()).unwrap_or_default() + (1 << 16);
        let mut archive = Archive::with_capacity(room);
        self.pack(self.lists(image, tag)?, &self.blobs_of(image, &[])?, &mut archive)?;
        archive.finish().doing(|| format!("packing the image {image}"))
    }

    /// The files that say which image there is, in an archive of this one alone.
    pub(crate) fn lists(&self, image: &Digest, tag: &str) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let manifest = self.manifest(image)?;
        let size = self.read(image, DOCUMENT)?.len() as u64;
        let platform = Some(self.config(&manifest)?.platform);
        let entry = Descriptor { platform, ..Descriptor::new(&manifest.media_type, *image, size) };
        let docker = [Saved {
            config: blob_name(&manifest.config.digest),
            repo_tags: [tag],
            layers: manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect(),
        }];
        let docker = serde_json::to_vec(&docker).doing(|| format!("listing the image {image}"))?;
        let index =
            serde_json::to_vec(&Index::of(vec![entry])).doing(|| format!("listing the image {image}"))?;
        Ok(vec![(MARK, VERSION.into()), (INDEX, index), (DOCKER, docker)])
    }

    /// The blobs of an image and of these artifacts about it, in order.
    pub(crate) fn blobs_of(&self, image: &Digest, about: &[Descriptor]) -> Result<Vec<Digest>> {
        let manifest = self.manifest(image)?;
        let mut blobs = vec![*image, manifest.config.digest];
        blobs.extend(manifest.layers.iter().map(|layer| layer.digest));
        for artifact in about {
            blobs.push(artifact.digest);
            blobs.extend(self.blobs_of_artifact(&artifact.digest)?);
        }
        blobs.sort_unstable();
        blobs.dedup();
        Ok(blobs)
    }

    /// Adds lists and blobs to an archive.
    pub(crate) fn pack(
        &self,
        lists: Vec<(&'static str, Vec<u8>)>,
        blobs: &[Digest],
        archive: &mut Archive,
    ) -> Result<()> {
        let doing = || "packing an image";
        for (name, content) in lists {
            archive.file(name, 0o644, &content).doing(doing)?;
        }
        for blob in blobs {
            archive.file(&blob_name(blob), 0o644, &self.read(blob, BLOB)?).doing(doing)?;
        }
        Ok(())
    }

    /// Reads a blob that is what its digest says.
    fn read(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        let path = self.blob_path(digest);
        let content = plain_file::read(&path, most).map_err(|error| unreadable(&path, digest, &error))?;
        if Digest::of(&content) == *digest { Ok(content) } else { Err(altered(digest)) }
    }

    pub(crate) fn document<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T> {
        let content = self.read(digest, DOCUMENT)?;
        serde_json::from_slice(&content).doing(|| format!("reading the image blob {digest}"))
    }

    pub(crate) fn check(&self, digest: &Digest) -> Result<()> {
        let path = self.blob_path(digest);
        let found = plain_file::open(&path, BLOB)
            .and_then(Digest::of_reader)
            .map_err(|error| unreadable(&path, digest, &error))?;
        if found == *digest { Ok(()) } else { Err(altered(digest)) }
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }
}

/// A blob's name in a layout.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn unreadable(path: &Path, digest: &Digest, error: &io::Error) -> Error {
    let doing = format!("reading the image blob {digest}");
    match error.kind() {
        io::ErrorKind::NotFound => Error::not_found(doing, "it is not on this machine")
            .next("build it here: check out the image's revision and run `cargo xtask build`"),
        // It is no file as a blob is one.
        io::ErrorKind::Other => {
            Error::refused(doing, error).next("run `cargo xtask build`: it writes blobs anew")
        }
        _ => Error::failed(doing, format!("{}: {error}", path.display())),
    }
}

fn altered(digest: &Digest) -> Error {
    Error::refused(format!("reading the image blob {digest}"), "its content is not what its digest says")
        .next("run `cargo xtask build`: it writes damaged blobs anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_blob_is_refused_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let digest = layout.put(b"content").unwrap();
        assert!(layout.check(&digest).is_ok());

        fs::write(layout.blob_path(&digest), b"CONTENT").unwrap();
        assert_eq!(layout.check(&digest).unwrap_err().kind, crate::ErrorKind::Refused);

        layout.put(b"content").unwrap();
        assert!(layout.check(&digest).is_ok());
    }

    #[test]
    fn an_image_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let image = Descriptor::new(Manifest::MEDIA_TYPE, layout.put(b"{}").unwrap(), 2);
        layout.add(image.clone()).unwrap();
        layout.add(image).unwrap();
        assert_eq!(layout.index().unwrap().manifests.len(), 1);
    }
}
