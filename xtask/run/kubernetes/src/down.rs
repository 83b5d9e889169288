//! Stops a deploy on its cluster.

use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::Api;
use xtask_contract::{Error, Logging, Progress, Result, labels::Part};

use crate::{
    api_error::{ApiContext, code},
    delete::delete,
    notes,
    prune::{self, Keep},
    service::{self, CLAIM},
    site::Site,
    stateful::gone,
    watch,
};
use xtask_run::Gone;

/// Stops the deploy's processes, then its own services, and waits until both have ended. Volumes, config and what is
/// remembered of its releases stay, unless `data`.
pub(crate) async fn down(site: &Site<'_>, data: bool, progress: &dyn Progress) -> Result<Gone> {
    progress.step(&format!("deleting what runs in {}", site.namespace));
    let deleted =
        prune::prune(site, &Keep::nothing(), &[Part::Process, Part::Migration, Part::Admin]).await?;
    let stopped = deleted.iter().any(|name| name.starts_with("deployment/"));
    ended(site, progress).await?;
    // As long as the processes run, they write.
    let service = service::down(site, data, progress).await?;
    let gone = Gone {
        stopped: stopped || service.stopped,
        data: service.data,
        left: shipper(site).await.into_iter().collect(),
    };
    if data {
        prune::prune(site, &Keep::nothing(), &[Part::Config, Part::Service]).await?;
        notes::forget(site).await?;
    }
    Ok(gone)
}

/// Deletes the deploy's namespace with all that is in it.
pub(crate) async fn delete_namespace(site: &Site<'_>) -> Result<()> {
    let api: Api<Namespace> = Api::all(site.client.clone());
    let there = delete(&api, site.namespace, &format!("the namespace {}", site.namespace)).await?;
    if there { gone(api, site.namespace).await } else { Ok(()) }
}

/// Waits until the deploy's processes have ended: until then they answer.
async fn ended(site: &Site<'_>, progress: &dyn Progress) -> Result<()> {
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
async fn shipper(site: &Site<'_>) -> Option<String> {
    let namespaces: Api<Namespace> = Api::all(site.client.clone());
    namespaces.get_metadata_opt(&Logging::namespace(site.namespace)).await.ok()??;
    let env = site.env;
    Some(format!("its log shipper goes on: `cargo xtask services down logging --env {env}` stops it"))
}

/// What would be deleted with the data.
pub(crate) async fn losses(site: &Site<'_>, cluster: &str) -> Result<Vec<String>> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
    let claim = match claims.get_metadata_opt(CLAIM).await {
        // Without the right to look there is none to delete it, either.
        Err(error) if code(&error) == Some(403) => None,
        claim => claim.asked(|| format!("looking for the volume claim {CLAIM}"))?,
    };
    let place = format!("in the namespace {} of {cluster}", site.namespace);
    let database = claim.map(|_| format!("its database (the volume of {CLAIM}) {place}"));
    let rest = format!("its config and secrets, and what is remembered of its releases, {place}");
    Ok(database.into_iter().chain([rest]).collect())
}
