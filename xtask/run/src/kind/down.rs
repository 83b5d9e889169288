//! Stops a deploy on a kind cluster.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::{Namespace, PersistentVolumeClaim},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use xtask_contract::{EnvName, Logging, Progress, Repo, Result, labels};

use super::{
    Place, cluster,
    nodes::{Node, Nodes},
};
use crate::{
    down::Gone,
    kubernetes::{ApiContext, Site, ended, gone, shipper},
};

/// Stops a deploy: deletes what runs, and stops the cluster if no other deploy is on it. Volumes stay, unless
/// `data`; then the namespace goes, and the cluster with it if it is empty.
pub(crate) async fn down(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    data: bool,
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Gone> {
    let nodes = engine.of_cluster(place.cluster).await?;
    let running = is_running(&nodes);
    if nodes.is_empty() || (!running && !data) {
        return Ok(Gone::default());
    }
    let others = if running { others(repo, place).await? } else { Vec::new() };
    if !others.is_empty() {
        return beside(repo, env, place, data, &others, progress).await;
    }
    if data {
        progress.step(&format!("deleting the kind cluster {}", place.cluster));
        cluster::delete(repo, place.cluster).await?;
    } else {
        progress.step(&format!("stopping the kind cluster {}", place.cluster));
        for node in nodes.iter().filter(|node| node.running) {
            engine.stop(&node.name).await?;
        }
    }
    Ok(Gone { stopped: running, data, left: Vec::new() })
}

/// What would be deleted with the data.
pub(crate) async fn losses(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    engine: &impl Nodes,
) -> Result<Vec<String>> {
    let nodes = engine.of_cluster(place.cluster).await?;
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let others = if is_running(&nodes) { others(repo, place).await? } else { Vec::new() };
    let Place { cluster, namespace, .. } = place;
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

fn is_running(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| node.running)
}

/// The namespaces of other deploys on the cluster. One that does not answer has none that could be asked for. The
/// deploy's own log shipper is no other deploy: it has nothing to ship without it.
async fn others(repo: &Repo, place: &Place<'_>) -> Result<Vec<String>> {
    let Ok(client) = cluster::client(repo, place).await else { return Ok(Vec::new()) };
    let api: Api<Namespace> = Api::all(client);
    let list = api
        .list_metadata(&ListParams::default().labels(labels::OURS))
        .await
        .asked(|| "listing the namespaces")?;
    let own = [place.namespace.to_owned(), Logging::namespace(place.namespace)];
    Ok(list.items.iter().map(ResourceExt::name_any).filter(|name| !own.contains(name)).collect())
}

/// Stops a deploy on a cluster that others are on.
async fn beside(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    data: bool,
    others: &[String],
    progress: &dyn Progress,
) -> Result<Gone> {
    progress.step(&format!("deleting what runs in {}", place.namespace));
    let client = cluster::client(repo, place).await?;
    let site = place.site(&client, env);
    let mut left =
        vec![format!("the kind cluster {} goes on: also on it is {}", place.cluster, others.join(", "))];
    left.extend(shipper(&site).await);
    if !data {
        let stopped = stop(&site).await?;
        ended(&site, progress).await?;
        return Ok(Gone { stopped, data, left });
    }
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), place.namespace);
    let claims = claims.list_metadata(&ListParams::default()).await.asked(|| "looking for volume claims")?;
    let api: Api<Namespace> = Api::all(client.clone());
    let there = match api.delete(place.namespace, &DeleteParams::foreground()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => false,
        other => other.map(|_| true).asked(|| format!("deleting the namespace {}", place.namespace))?,
    };
    if there {
        gone(api, place.namespace).await?;
    }
    Ok(Gone { stopped: there, data: !claims.items.is_empty(), left })
}

/// Deletes what runs; tells whether anything did.
async fn stop(site: &Site<'_>) -> Result<bool> {
    let doing = || format!("deleting what runs in {}", site.namespace);
    let ours = ListParams::default().labels(labels::OURS);
    let how = DeleteParams::background();
    let deployments: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let there = deployments.list_metadata(&ours).await.asked(doing)?;
    deployments.delete_collection(&how, &ours).await.asked(doing)?;
    let sets: Api<StatefulSet> = Api::namespaced(site.client.clone(), site.namespace);
    sets.delete_collection(&how, &ours).await.asked(doing)?;
    let jobs: Api<Job> = Api::namespaced(site.client.clone(), site.namespace);
    jobs.delete_collection(&how, &ours).await.map(drop).asked(doing)?;
    Ok(!there.items.is_empty())
}
