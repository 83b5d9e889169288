//! The documents about an image at the registry: artifacts that name the image as their subject. A registry that
//! does not list them by itself gets a list under the tag that the distribution specification names for it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use xtask_contract::{Context, Digest, Result, image::Manifest, referrers::Referrer};

use super::{Answer, Ask, Connection, Push, failure::Failure};

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
    let known = known(&push.to, image).await?;
    let listed = known["manifests"].as_array().cloned().unwrap_or_default();
    let is_known = |entry: &Value| listed.iter().any(|known| entry["digest"] == known["digest"]);
    let missing: Vec<Value> = entries.into_iter().filter(|entry| !is_known(entry)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let all = [listed, missing].concat();
    let bytes = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": all }).to_string().into_bytes();
    push.pushed.sent += 1;
    push.pushed.bytes += bytes.len() as u64;
    push.to.put_manifest(&tag(image), INDEX, bytes).await
}

/// The list that a registry gives of what is said about an image: by itself, or, where it does not know the question,
/// under the tag.
async fn known(to: &Connection<'_>, image: &Digest) -> Answer<Value> {
    for path in [format!("referrers/{image}"), format!("manifests/{}", tag(image))] {
        let answered = to.ask(Ask::new(Method::GET, to.at(&path)).accepting(INDEX)).await?;
        match answered.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(answered.refusal()),
            status if status.is_client_error() => {}
            _ => {
                let list = serde_json::from_slice(&answered.yes()?.body);
                return list.map_err(|_| Failure::Nonsense("its list of documents is none".to_owned()));
            }
        }
    }
    Ok(json!({}))
}

fn tag(image: &Digest) -> String {
    image.to_string().replace(':', "-")
}
