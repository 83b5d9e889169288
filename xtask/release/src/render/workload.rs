//! What Deployments and Jobs share: a container of their pods runs the release's image with its config.

use std::path::Path;

use serde_json::{Value, json};
use xtask_contract::{
    Release, Result,
    deploy::Target,
    labels,
    service::{self, RELEASE_ID},
};

use super::own;

/// Completes the object of a file in this folder; tells where the container stands among those of its pod.
pub(super) fn patch(
    (folder, file): (&Path, &str),
    object: &mut Value,
    release: &Release,
    args: &[String],
) -> Result<usize> {
    let template = &mut object["spec"]["template"];
    template["metadata"]["annotations"][labels::RELEASE] = json!(release.id);
    for (label, value) in labels::of(&release.env) {
        template["metadata"]["labels"][label] = json!(value);
    }
    let place = own::mark(folder, file, template)?;
    let pod = &mut template["spec"];
    pod["serviceAccountName"] = json!(service::NAME);
    if let Some(name) = release.target.registry().and_then(|cluster| cluster.pull_secret.as_ref()) {
        pod["imagePullSecrets"] = json!([{ "name": name }]);
    }
    let container = &mut pod["containers"][place];
    container["image"] = json!(release.image_reference());
    container["imagePullPolicy"] = json!(pull_policy(&release.target));
    container["args"] = json!(args);
    // By way of the annotation, so that this text is the same in each release.
    let id = format!("metadata.annotations['{}']", labels::RELEASE);
    container["env"] = json!([{ "name": RELEASE_ID, "valueFrom": { "fieldRef": { "fieldPath": id } } }]);
    container["envFrom"] = json!([
        { "configMapRef": { "name": release.config_name() } },
        { "secretRef": { "name": release.secret_name() } },
    ]);
    Ok(place)
}

fn pull_policy(target: &Target) -> &'static str {
    // Else `run` brings the image to each node.
    if target.registry().is_some() { "IfNotPresent" } else { "Never" }
}
