//! Documents about an image, kept beside it in the layout. Each is an artifact whose manifest names the image
//! as its subject, as the OCI image specification 1.1 has it, so that tools that look for an image's referrers
//! find it. The image itself knows nothing of them: its digest stays as it is.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::{
    Context, Digest, Error, Layout, Result,
    image::{Descriptor, Manifest},
};

/// The type of a list of all that an image is made of: a software bill of materials in CycloneDX's form.
pub const SBOM: &str = "application/vnd.cyclonedx+json";
/// The type of a statement about an image in in-toto's form. It is not signed: it tells, it proves nothing.
pub const PROVENANCE: &str = "application/vnd.in-toto+json";

/// The configuration of artifacts that have none.
const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// A document about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// What kind of document it is.
    pub artifact_type: String,
    /// The artifact's manifest, which names the image.
    pub manifest: Digest,
    /// The document itself.
    pub document: Digest,
}

/// The manifest of a document about an image.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    schema_version: u32,
    media_type: String,
    artifact_type: String,
    config: Descriptor,
    layers: [Descriptor; 1],
    subject: Descriptor,
}

impl Layout {
    /// Keeps a document about an image, in place of an earlier one of this type, and tells its digest.
    pub fn attach(&self, image: &Digest, artifact_type: &str, document: &[u8]) -> Result<Digest> {
        self.put(EMPTY)?;
        let digest = self.put(document)?;
        let manifest = self.manifest_about(image, artifact_type, &digest)?;
        let listed = Descriptor {
            artifact_type: Some(artifact_type.to_owned()),
            ..Descriptor::new(Manifest::MEDIA_TYPE, self.put(&manifest)?, manifest.len() as u64)
        };
        self.list(listed, |other| {
            // One that cannot be read is of no use to anybody.
            other.artifact_type.as_deref() == Some(artifact_type)
                && self
                    .document::<Attachment>(&other.digest)
                    .map_or(true, |found| found.subject.digest == *image)
        })?;
        Ok(digest)
    }

    /// Checks that an image has just this document of this type, unharmed, and that the index lists it.
    pub fn check_attached(&self, image: &Digest, artifact_type: &str, document: &Digest) -> Result<()> {
        let manifest = Digest::of(self.manifest_about(image, artifact_type, document)?);
        for blob in [&Digest::of(EMPTY), document, &manifest] {
            self.check(blob)?;
        }
        let listed = self.index().is_some_and(|index| {
            index.manifests.iter().any(|listed| {
                listed.digest == manifest && listed.artifact_type.as_deref() == Some(artifact_type)
            })
        });
        if listed {
            return Ok(());
        }
        let doing = format!("looking for the {artifact_type} of the image {image}");
        Err(Error::refused(doing, "the layout's index does not list it").next("run `cargo xtask build`"))
    }

    /// The documents about an image, in the index's order, after checking that they are what their digests say.
    pub fn referrers(&self, image: &Digest) -> Result<Vec<Referrer>> {
        let read = |entry: &Descriptor| {
            let Attachment { artifact_type, layers: [document], .. } = self.document(&entry.digest)?;
            self.check(&document.digest)?;
            Ok(Referrer { artifact_type, manifest: entry.digest, document: document.digest })
        };
        self.artifacts_about(image)?.iter().map(read).collect()
    }

    /// The index's entries of the artifacts about an image.
    pub(crate) fn artifacts_about(&self, image: &Digest) -> Result<Vec<Descriptor>> {
        let mut found = self.index().map_or_else(Vec::new, |index| index.manifests);
        found.retain(|entry| entry.artifact_type.is_some());
        let mut about = Vec::new();
        for entry in found {
            if self.document::<Attachment>(&entry.digest)?.subject.digest == *image {
                about.push(entry);
            }
        }
        Ok(about)
    }

    /// The blobs that an artifact consists of besides its manifest.
    pub(crate) fn blobs_of_artifact(&self, manifest: &Digest) -> Result<[Digest; 2]> {
        let Attachment { config, layers: [document], .. } = self.document(manifest)?;
        Ok([config.digest, document.digest])
    }

    /// Makes the manifest that attaches a document in the layout to an image in it. Its bytes depend on the
    /// arguments alone, so a caller that knows the document can compute the manifest's digest.
    fn manifest_about(&self, image: &Digest, artifact_type: &str, document: &Digest) -> Result<Vec<u8>> {
        let doing = || format!("relating the {artifact_type} to the image {image}");
        let size = |digest| fs::metadata(self.blob_path(digest)).doing(doing).map(|file| file.len());
        let artifact = Attachment {
            schema_version: 2,
            media_type: Manifest::MEDIA_TYPE.into(),
            artifact_type: artifact_type.into(),
            config: Descriptor::new(EMPTY_TYPE, Digest::of(EMPTY), EMPTY.len() as u64),
            layers: [Descriptor::new(artifact_type, *document, size(document)?)],
            subject: Descriptor::new(Manifest::MEDIA_TYPE, *image, size(image)?),
        };
        serde_json::to_vec(&artifact).doing(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layout with two images, in name only.
    fn layout() -> (tempfile::TempDir, Layout, [Digest; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let images = ["one", "another"].map(|image| {
            let digest = layout.put(image.as_bytes()).unwrap();
            layout.add(Descriptor::new(Manifest::MEDIA_TYPE, digest, image.len() as u64)).unwrap();
            digest
        });
        (folder, layout, images)
    }

    fn documents(layout: &Layout, image: &Digest) -> Vec<(String, Digest)> {
        let found = layout.referrers(image).unwrap();
        found.into_iter().map(|found| (found.artifact_type, found.document)).collect()
    }

    #[test]
    fn a_newer_document_replaces_that_of_its_type_and_image_and_no_other() {
        let (_folder, layout, [one, another]) = layout();
        let of_another = layout.attach(&another, SBOM, b"another's").unwrap();
        let sbom = layout.attach(&one, SBOM, b"sbom").unwrap();
        layout.attach(&one, PROVENANCE, b"old").unwrap();
        let new = layout.attach(&one, PROVENANCE, b"new").unwrap();
        assert_eq!(documents(&layout, &one), [(SBOM.to_owned(), sbom), (PROVENANCE.to_owned(), new)]);
        assert_eq!(documents(&layout, &another), [(SBOM.to_owned(), of_another)]);
        assert_eq!(layout.index().unwrap().manifests.len(), 5);
    }

    #[test]
    fn the_manifest_is_that_of_the_specification() {
        let (_folder, layout, [one, _]) = layout();
        layout.attach(&one, SBOM, b"sbom").unwrap();
        let manifest = layout.referrers(&one).unwrap().pop().unwrap().manifest;
        let text = fs::read_to_string(layout.blob_path(&manifest)).unwrap();
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let expected = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"{SBOM}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{empty}","size":2}},"layers":[{{"mediaType":"{SBOM}","digest":"{}","size":4}}],"subject":{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{one}","size":3}}}}"#,
            Digest::of("sbom"),
        );
        assert_eq!(text, expected);
        assert!(layout.blob_path(&empty.parse().unwrap()).is_file());
    }

    #[test]
    fn what_is_damaged_missing_or_not_listed_is_noticed_and_mended() {
        let (folder, layout, [one, _]) = layout();
        let document = layout.attach(&one, SBOM, b"sbom").unwrap();
        let manifest = layout.referrers(&one).unwrap()[0].manifest;
        let is_whole = || layout.check_attached(&one, SBOM, &document).is_ok();
        let mended = || layout.attach(&one, SBOM, b"sbom").is_ok() && is_whole();
        assert!(is_whole());
        for blob in [document, manifest, Digest::of(EMPTY)] {
            fs::write(layout.blob_path(&blob), b"SBOM").unwrap();
            assert!(!is_whole());
            assert!(mended());
            fs::remove_file(layout.blob_path(&blob)).unwrap();
            assert!(!is_whole());
            assert!(mended());
        }
        fs::remove_file(folder.path().join("index.json")).unwrap();
        assert!(!is_whole());
        assert!(mended());
    }
}
