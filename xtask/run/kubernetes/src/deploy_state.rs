//! What a deploy remembers of its releases on its cluster, and which one runs.

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt, api::ListParams};
use xtask_contract::{Result, labels};
use xtask_run::DeployState;

use crate::{api_error::ApiContext, notes, site::Site};

/// Where a deploy stands on its cluster. It runs a release if all of its Deployments are on that one.
pub(crate) async fn deploy_state(site: &Site<'_>) -> Result<DeployState> {
    let (last_deployed, history, on) =
        tokio::try_join!(notes::last_deployed(site), notes::history(site), marks(site))?;
    let running = match on.as_slice() {
        [(_, only), rest @ ..] if rest.iter().all(|(_, mark)| mark == only) => only.parse().ok(),
        _ => None,
    };
    Ok(DeployState { last_deployed, running, history })
}

/// The marks that the deploy's Deployments bear, by name: a release's ID, or a quick build's.
pub(crate) async fn marks(site: &Site<'_>) -> Result<Vec<(String, String)>> {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let ours = ListParams::default().labels(&site.selector());
    let list = api.list_metadata(&ours).await.asked(|| "listing the Deployments")?;
    let on = |one: &kube::core::PartialObjectMeta<Deployment>| {
        Some((one.name_any(), one.annotations().get(labels::RELEASE)?.clone()))
    };
    Ok(list.items.iter().filter_map(on).collect())
}
