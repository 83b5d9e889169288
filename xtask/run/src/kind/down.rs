//! Stops a deploy on a kind cluster.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::Namespace,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use xtask_contract::{Progress, Repo, Result, labels};

use super::{Place, cluster, nodes::Nodes};
use crate::kubernetes::ApiContext;

/// Stops a deploy: deletes what runs, and stops the cluster if no other deploy is on it. Volumes stay, unless
/// `data`; then the namespace goes, and the cluster with it if it is empty.
pub(crate) async fn down(
    repo: &Repo,
    place: &Place<'_>,
    data: bool,
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<bool> {
    let nodes = engine.of_cluster(place.cluster).await?;
    let running = nodes.iter().any(|node| node.running);
    if nodes.is_empty() || (!running && !data) {
        return Ok(false);
    }
    if running && others(repo, place).await? {
        progress.step(&format!("deleting what runs in {}", place.namespace));
        let client = cluster::client(repo, place).await?;
        stop_processes(&client, place, data).await?;
    } else if data {
        progress.step(&format!("deleting the kind cluster {}", place.cluster));
        cluster::delete(repo, place.cluster).await?;
    } else {
        progress.step(&format!("stopping the kind cluster {}", place.cluster));
        for node in nodes.iter().filter(|node| node.running) {
            engine.stop(&node.name).await?;
        }
    }
    Ok(running)
}

/// Whether other deploys are on the cluster. One that does not answer has none that could be asked for.
async fn others(repo: &Repo, place: &Place<'_>) -> Result<bool> {
    let Ok(client) = cluster::client(repo, place).await else { return Ok(false) };
    let api: Api<Namespace> = Api::all(client);
    let list = api
        .list_metadata(&ListParams::default().labels(labels::OURS))
        .await
        .asked(|| "listing the namespaces")?;
    Ok(list.items.iter().any(|namespace| namespace.name_any() != place.namespace))
}

async fn stop_processes(client: &Client, place: &Place<'_>, data: bool) -> Result<()> {
    let doing = || format!("deleting what runs in {}", place.namespace);
    if data {
        let api: Api<Namespace> = Api::all(client.clone());
        return match api.delete(place.namespace, &DeleteParams::foreground()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop).asked(doing),
        };
    }
    let ours = ListParams::default().labels(labels::OURS);
    let how = DeleteParams::background();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), place.namespace);
    deployments.delete_collection(&how, &ours).await.asked(doing)?;
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), place.namespace);
    sets.delete_collection(&how, &ours).await.asked(doing)?;
    let jobs: Api<Job> = Api::namespaced(client.clone(), place.namespace);
    jobs.delete_collection(&how, &ours).await.map(drop).asked(doing)
}
