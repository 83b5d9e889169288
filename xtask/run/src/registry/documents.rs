//! The documents about an image at the registry: artifacts that name the image as their subject. A registry that
//! does not list them by itself gets a list under the tag that the distribution specification names for it.

use oci_client::Reference;
use serde_json::{Value, json};
use xtask_contract::{Context, Digest, Result, image::Manifest, referrers::Referrer};

use super::{Answer, Push, media_type};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Sends the documents, and makes sure that they are found.
pub(super) async fn push(push: &mut Push<'_>, image: &Digest, about: &[Referrer]) -> Result<()> {
    let what = || format!("pushing the documents about the image {}", image.short());
    for document in about {
        push.manifest(&document.manifest, || format!("{}: {}", what(), document.artifact_type)).await?;
    }
    if about.is_empty() {
        return Ok(());
    }
    let mut sizes = Vec::new();
    for document in about {
        let file = std::fs::metadata(push.layout.blob_path(&document.manifest)).doing(what)?;
        sizes.push(file.len());
    }
    let entries = about.iter().zip(sizes).map(|(document, size)| {
        json!({ "mediaType": Manifest::MEDIA_TYPE, "digest": document.manifest, "size": size,
            "artifactType": document.artifact_type })
    });
    list(push, image, entries.collect()).await.map_err(|error| push.to.explain(what(), error))
}

/// Adds to the list what the registry does not tell by itself. It keeps what others have said of the image.
async fn list(push: &mut Push<'_>, image: &Digest, entries: Vec<Value>) -> Answer<()> {
    let (client, subject) = (&push.to.client, push.to.reference(image));
    // This asks for the list under the tag where the registry does not know the question.
    let known = client.pull_referrers(&subject, None).await?;
    let is_known = |entry: &Value| known.manifests.iter().any(|known| entry["digest"] == known.digest);
    let missing: Vec<Value> = entries.into_iter().filter(|entry| !is_known(entry)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut index = serde_json::to_value(&known)?;
    if let Some(all) = index["manifests"].as_array_mut() {
        all.extend(missing);
    }
    let tag = image.to_string().replace(':', "-");
    let reference = Reference::with_tag(subject.registry().into(), subject.repository().into(), tag);
    let bytes = serde_json::to_vec(&index)?;
    push.pushed.sent += 1;
    push.pushed.bytes += bytes.len() as u64;
    client.push_manifest_raw(&reference, bytes, media_type(INDEX)).await.map(drop)
}
