//! Stops a deploy on a cluster that others are on, too.

use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::Api;
use xtask_contract::{Error, Logging, Progress, Result, labels::Part};

use super::{
    Site,
    api_error::{ApiContext, code},
    apply::delete,
    notes,
    prune::{self, Keep},
    service::CLAIM,
    stateful, watch,
};
use crate::down::Gone;

/// Deletes what runs, and waits until it has ended. Backing services, config and data stay, unless `data`.
pub(crate) async fn down(site: &Site<'_>, data: bool, progress: &dyn Progress) -> Result<Gone> {
    progress.step(&format!("deleting what runs in {}", site.namespace));
    let parts: &[Part] = if data {
        &[Part::Process, Part::Migration, Part::Admin, Part::Config, Part::Service]
    } else {
        &[Part::Process, Part::Migration, Part::Admin]
    };
    let deleted = prune::prune(site, &Keep::nothing(), parts).await?;
    let stopped = deleted.iter().any(|name| name.starts_with("deployment/"));
    ended(site, progress).await?;
    let mut gone = Gone { stopped, left: shipper(site).await.into_iter().collect(), ..Gone::default() };
    if data {
        progress.step("deleting the data");
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
        // By its name, which is made from those of the StatefulSet and its pod: others may have labelled theirs the same.
        gone.data = delete(&claims, CLAIM, "the volume claim of PostgreSQL").await?;
        if gone.data {
            stateful::gone(claims, CLAIM).await?;
        }
        notes::forget(site).await?;
    }
    Ok(gone)
}

/// Waits until the deploy's processes have ended: until then they answer.
pub(crate) async fn ended(site: &Site<'_>, progress: &dyn Progress) -> Result<()> {
    progress.step("waiting for the processes to end");
    let left = watch::processes_left(site).await;
    if left.is_empty() {
        return Ok(());
    }
    let why = format!("these have not ended yet: {}", left.join(", "));
    let next = format!(
        "`kubectl --namespace {} describe pod {}` shows what they wait for; the same command waits again",
        site.namespace, left[0]
    );
    Err(Error::failed(format!("stopping {}", site.env), why).next(next))
}

/// What is said of the deploy's log shipper, which stays, if there is one.
pub(crate) async fn shipper(site: &Site<'_>) -> Option<String> {
    let namespaces: Api<Namespace> = Api::all(site.client.clone());
    namespaces.get_metadata_opt(&Logging::namespace(site.namespace)).await.ok()??;
    let env = site.env;
    Some(format!("its log shipper goes on: `cargo xtask services down logging --env {env}` stops it"))
}

/// What would be deleted with the data.
pub(crate) async fn losses(site: &Site<'_>, context: &str) -> Result<Vec<String>> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
    let claim = match claims.get_metadata_opt(CLAIM).await {
        // Who may not look may not delete it, either.
        Err(error) if code(&error) == Some(403) => None,
        claim => claim.asked(|| format!("looking for the volume claim {CLAIM}"))?,
    };
    let place = format!("in the namespace {} of the cluster of the context {context}", site.namespace);
    let database = claim.map(|_| format!("its database (the volume of {CLAIM}) {place}"));
    let rest = format!("its config and secrets, and what is remembered of its releases, {place}");
    Ok(database.into_iter().chain([rest]).collect())
}
