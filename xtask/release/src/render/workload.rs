//! What Deployments and Jobs share: a container of their pods runs the release's image with its config.

use serde_json::{Value, json};
use xtask_contract::{Result, deploy::Target, labels, service::RELEASE_ID};

use super::{Source, own};

/// Completes the object of this file; tells where the container stands among those of its pod.
pub(super) fn patch(source: Source<'_>, file: &str, object: &mut Value, args: &[String]) -> Result<usize> {
    let Source { service, release, mark, .. } = source;
    let template = &mut object["spec"]["template"];
    template["metadata"]["annotations"][labels::RELEASE] = json!(mark);
    for (label, value) in labels::of(&release.env, Some(service)) {
        template["metadata"]["labels"][label] = json!(value);
    }
    let place = own::mark(file, template)?;
    let pod = &mut template["spec"];
    pod["serviceAccountName"] = json!(service);
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
