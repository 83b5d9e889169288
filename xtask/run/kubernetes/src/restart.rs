//! Exchanges the pods of a release that runs already, in the way of a rollout.

use k8s_openapi::{api::apps::v1::Deployment, jiff::Timestamp};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use xtask_contract::{Result, labels};

use crate::{api_error::ApiContext, managers::MANAGER, site::Site};

/// Has the cluster make the pods of these Deployments anew.
pub(crate) async fn restart(site: &Site<'_>, names: &[String]) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let annotations = json!({ labels::RESTARTED: Timestamp::now().to_string() });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    for name in names {
        let restarted = api.patch_metadata(name, &params, &Patch::Merge(&patch)).await;
        restarted.map(drop).asked(|| format!("restarting {name}"))?;
    }
    Ok(())
}
