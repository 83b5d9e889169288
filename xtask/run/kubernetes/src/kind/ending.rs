//! What becomes of a kind cluster when a deploy on it is stopped.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt, api::ListParams};
use xtask_contract::{EnvName, Logging, Progress, Repo, Result, deploy::KindTarget, labels};

use super::{cluster, nodes::Nodes};
use crate::api_error::ApiContext;

/// Stops its nodes. Their files, volumes included, stay.
pub(super) async fn stop(target: &KindTarget, engine: &impl Nodes, progress: &dyn Progress) -> Result<()> {
    progress.step(&format!("stopping the kind cluster {}", target.cluster));
    for node in engine.of_cluster(&target.cluster).await?.iter().filter(|node| node.running) {
        engine.stop(&node.name).await?;
    }
    Ok(())
}

/// Deletes it with all that is in it.
pub(super) async fn delete(repo: &Repo, target: &KindTarget, progress: &dyn Progress) -> Result<()> {
    progress.step(&format!("deleting the kind cluster {}", target.cluster));
    cluster::delete(repo, &target.cluster).await
}

/// The namespaces of other deploys on the cluster. The deploy's own log shipper is no other deploy: it has nothing to
/// ship without it.
pub(super) async fn others(client: &Client, target: &KindTarget) -> Result<Vec<String>> {
    let api: Api<Namespace> = Api::all(client.clone());
    let list = api.list_metadata(&ListParams::default().labels(labels::OURS)).await;
    let list = list.asked(|| "listing the namespaces")?;
    let own = [target.namespace.clone(), Logging::namespace(&target.namespace)];
    Ok(list.items.iter().map(ResourceExt::name_any).filter(|name| !own.contains(name)).collect())
}

/// What would be deleted with the data. A cluster that does not answer has no other deploys that could be asked for.
pub(super) async fn losses(
    repo: &Repo,
    env: &EnvName,
    target: &KindTarget,
    engine: &impl Nodes,
) -> Result<Vec<String>> {
    let nodes = engine.of_cluster(&target.cluster).await?;
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let is_running = nodes.iter().any(|node| node.running);
    let client = if is_running { cluster::client(repo, target).await.ok() } else { None };
    let others = match client {
        Some(client) => others(&client, target).await?,
        None => Vec::new(),
    };
    let KindTarget { cluster, namespace, .. } = target;
    Ok(vec![if others.is_empty() {
        format!(
            "the kind cluster {cluster} with all that is in it: what {env} runs there, its database and its logs"
        )
    } else {
        format!(
            "the namespace {namespace} of the kind cluster {cluster} with all that is in it, its database included"
        )
    }])
}
