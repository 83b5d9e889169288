//! Volumes of a kind cluster's nodes. Kubernetes gives a pod's volumes to the pod's group (`fsGroup`), but not
//! those that are folders of the node (`hostPath`); on a kind cluster all are, and depending on what made
//! them, they belong to root alone.

use std::pin::pin;

use futures_util::StreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolume, PersistentVolumeClaim},
};
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher::watch_object},
};
use xtask_contract::{Error, Result};

use super::nodes::Nodes;
use crate::{api_error::ApiContext, site::Site};

/// Gives the volume of the first pod of a StatefulSet to the user that it runs as, if it says which.
pub(super) async fn own(site: &Site<'_>, set: &str, nodes: &[String], engine: &impl Nodes) -> Result<()> {
    let sets: Api<StatefulSet> = Api::namespaced(site.client.clone(), site.namespace);
    let found = sets.get(set).await.asked(|| format!("reading the StatefulSet {set}"))?;
    let Some((user, group)) = owner(found) else { return Ok(()) };
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
    let name = bound(claims, &format!("data-{set}-0")).await;
    let volumes: Api<PersistentVolume> = Api::all(site.client.clone());
    let volume = volumes.get(&name).await.asked(|| format!("reading the volume {name}"))?;
    let Some(folder) = volume.spec.and_then(|spec| spec.host_path) else { return Ok(()) };
    for node in nodes {
        let command = ["install", "--directory", "--owner", &user, "--group", &group, &folder.path];
        let output = engine.exec(node, &command, Vec::new()).await?;
        if output.code != 0 {
            return Err(Error::failed(
                format!("giving the volume {name} to PostgreSQL"),
                output.output.trim(),
            ));
        }
    }
    Ok(())
}

/// The user and group that its pods run as.
fn owner(set: StatefulSet) -> Option<(String, String)> {
    let context = set.spec?.template.spec?.security_context?;
    let group = context.fs_group.or(context.run_as_group).or(context.run_as_user)?;
    Some((context.run_as_user?.to_string(), group.to_string()))
}

/// The volume that a claim is bound to, as soon as it is.
async fn bound(claims: Api<PersistentVolumeClaim>, claim: &str) -> String {
    let mut states = pin!(watch_object(claims, claim).default_backoff());
    while let Some(state) = states.next().await {
        let volume = state.ok().flatten().and_then(|claim| {
            let phase = claim.status?.phase?;
            claim.spec?.volume_name.filter(|_| phase == "Bound")
        });
        if let Some(volume) = volume {
            return volume;
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn the_owner_is_who_the_pods_run_as() {
        let of = |context: serde_json::Value| {
            let spec = json!({ "serviceName": "s", "selector": {},
                "template": { "spec": { "containers": [], "securityContext": context } } });
            owner(from_value(json!({ "spec": spec })).unwrap())
        };
        let owner = |user: &str, group: &str| Some((user.to_owned(), group.to_owned()));
        assert_eq!(of(json!({ "runAsUser": 70, "runAsGroup": 71, "fsGroup": 72 })), owner("70", "72"));
        assert_eq!(of(json!({ "runAsUser": 70, "runAsGroup": 71 })), owner("70", "71"));
        assert_eq!(of(json!({ "runAsUser": 70 })), owner("70", "70"));
        assert_eq!(of(json!({ "fsGroup": 72 })), None);
    }
}
