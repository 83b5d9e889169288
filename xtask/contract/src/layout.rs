//! The image layout: blobs by digest and an index of the images, as the OCI image layout specification has
//! it, so that every tool that reads such layouts (skopeo, crane, podman, ctr) reads this one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    Context, Digest, Error, Result,
    archive::Archive,
    durable,
    image::{Config, Descriptor, Manifest},
};

/// What every layout holds in `oci-layout`.
pub const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// An OCI image layout in a folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// The layout's table of contents, `index.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    pub(crate) manifests: Vec<Descriptor>,
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
        Self { root: root.into() }
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
            let _lock = durable::lock(&self.root)?;
            durable::replace(&self.root.join("oci-layout"), VERSION.as_bytes(), 0o644)?;
            // An index that cannot be read is made anew: all of this folder can be rebuilt.
            let mut listed = self.index().map_or_else(Vec::new, |index| index.manifests);
            listed.retain(|other| !replaces(other));
            listed.push(new);
            durable::replace(&self.index_path(), &serde_json::to_vec_pretty(&Index::of(listed))?, 0o644)
        };
        write().doing(|| format!("adding to the images in {}", self.root.display()))
    }

    /// The table of contents, if it can be read.
    pub(crate) fn index(&self) -> Option<Index> {
        serde_json::from_slice(&fs::read(self.index_path()).ok()?).ok()
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
        manifest.layers.iter().try_for_each(|layer| self.check(&layer.digest))?;
        Ok(manifest)
    }

    /// The image as one archive, both as an OCI layout and as `docker save` writes it, since Docker before 25
    /// loads nothing else. `tag` is the name that Docker gives it.
    pub fn archive(&self, digest: &Digest, tag: &str) -> Result<Vec<u8>> {
        let manifest = self.manifest(digest)?;
        let path = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        let docker = json!([{
            "Config": path(&manifest.config.digest),
            "RepoTags": [tag],
            "Layers": manifest.layers.iter().map(|layer| path(&layer.digest)).collect::<Vec<_>>(),
        }]);
        let room = usize::try_from(manifest.size()).unwrap_or_default() + (1 << 16);
        let mut archive = Archive::with_capacity(room);
        self.pack(digest, &[], &mut archive)?;
        archive
            .file("manifest.json", 0o644, docker.to_string().as_bytes())
            .and_then(|()| archive.finish())
            .doing(|| format!("packing the image {digest}"))
    }

    /// Adds the image to an archive, as an OCI layout of its own, and these artifacts about it.
    pub(crate) fn pack(&self, digest: &Digest, about: &[Descriptor], archive: &mut Archive) -> Result<()> {
        let manifest = self.manifest(digest)?;
        let document = fs::read(self.blob_path(digest)).doing(|| format!("reading the image {digest}"))?;
        let image = Descriptor {
            platform: Some(self.config(&manifest)?.platform),
            ..Descriptor::new(&manifest.media_type, *digest, document.len() as u64)
        };
        let mut blobs = vec![*digest, manifest.config.digest];
        blobs.extend(manifest.layers.iter().map(|layer| layer.digest));
        for artifact in about {
            blobs.push(artifact.digest);
            blobs.extend(self.blobs_of_artifact(&artifact.digest)?);
        }
        blobs.sort_unstable();
        blobs.dedup();
        let index = Index::of([&[image], about].concat());
        let mut write = || -> io::Result<()> {
            archive.file("oci-layout", 0o644, VERSION.as_bytes())?;
            archive.file("index.json", 0o644, &serde_json::to_vec(&index)?)?;
            for blob in &blobs {
                let path = format!("blobs/sha256/{}", blob.hex());
                archive.file(&path, 0o644, &fs::read(self.blob_path(blob))?)?;
            }
            Ok(())
        };
        write().doing(|| format!("packing the image {digest}"))
    }

    pub(crate) fn document<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T> {
        let path = self.blob_path(digest);
        let content = fs::read(&path).map_err(|error| unreadable(&path, digest, &error))?;
        if Digest::of(&content) != *digest {
            return Err(altered(digest));
        }
        serde_json::from_slice(&content).doing(|| format!("reading the image blob {}", path.display()))
    }

    pub(crate) fn check(&self, digest: &Digest) -> Result<()> {
        let path = self.blob_path(digest);
        let found = File::open(&path)
            .and_then(Digest::of_reader)
            .map_err(|error| unreadable(&path, digest, &error))?;
        if found == *digest { Ok(()) } else { Err(altered(digest)) }
    }

    fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }
}

fn unreadable(path: &Path, digest: &Digest, error: &io::Error) -> Error {
    let doing = format!("reading the image blob {digest}");
    match error.kind() {
        io::ErrorKind::NotFound => Error::refused(doing, "it is not on this machine")
            .next("build it here: check out the image's revision and run `cargo xtask build`"),
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
        assert_eq!(layout.check(&digest).unwrap_err().exit, crate::Exit::Refused);

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
