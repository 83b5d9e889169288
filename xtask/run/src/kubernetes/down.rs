//! Stops a deploy on a cluster that is not this machine's.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use xtask_contract::{Progress, Result, labels::Part};

use super::{
    Site,
    apply::delete,
    notes,
    prune::{self, Keep},
    service::CLAIM,
    stateful,
};

/// Deletes what runs; tells whether anything did. Backing services, config and data stay, unless `data`.
pub(crate) async fn down(site: &Site<'_>, data: bool, progress: &dyn Progress) -> Result<bool> {
    progress.step(&format!("deleting what runs in {}", site.namespace));
    let parts: &[Part] = if data {
        &[Part::Process, Part::Migration, Part::Admin, Part::Config, Part::Service]
    } else {
        &[Part::Process, Part::Migration, Part::Admin]
    };
    let deleted = prune::prune(site, &Keep::nothing(), parts).await?;
    if data {
        progress.step("deleting the data");
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
        // By its name, which is made from those of the StatefulSet and its pod: others may have labelled theirs the same.
        if delete(&claims, CLAIM, "the volume claim of PostgreSQL").await? {
            stateful::gone(claims, CLAIM).await?;
        }
        notes::forget(site).await?;
    }
    Ok(deleted.iter().any(|name| name.starts_with("deployment/")))
}
