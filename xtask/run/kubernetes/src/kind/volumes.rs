//! Volumes of a kind cluster's nodes. Kubernetes gives a pod's volumes to the pod's group (`fsGroup`), but not
//! those that are folders of the node (`hostPath`); on a kind cluster all are, and depending on what made
//! them, they belong to root alone.

use std::pin::pin;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher::watch_object},
};
use xtask_contract::{Error, Result};

use super::nodes::Nodes;
use crate::{api_error::ApiContext, site::Site};

/// The user and group that k8s/objects/postgres.yaml runs PostgreSQL as.
const OWNER: &str = "999";

/// Gives the volume of the first pod of a StatefulSet to its user.
pub(super) async fn own(site: &Site<'_>, set: &str, nodes: &[String], engine: &impl Nodes) -> Result<()> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
    let name = bound(claims, &format!("data-{set}-0")).await;
    let volumes: Api<PersistentVolume> = Api::all(site.client.clone());
    let volume = volumes.get(&name).await.asked(|| format!("reading the volume {name}"))?;
    let Some(folder) = volume.spec.and_then(|spec| spec.host_path) else { return Ok(()) };
    for node in nodes {
        let command = ["install", "--directory", "--owner", OWNER, "--group", OWNER, &folder.path];
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
