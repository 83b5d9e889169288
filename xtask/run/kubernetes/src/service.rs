//! A deploy's own PostgreSQL server on its cluster by itself, with nothing else of the deploy.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::Api;
use xtask_contract::{Error, Progress, Result, objects::Allowed};

use xtask_run::{Gone, PostgresUrl, Status};

use crate::{
    apply::Applier,
    delete::delete,
    host::Host,
    kinds::Kinds,
    objects::Objects,
    secrets,
    site::Site,
    stateful::{self, gone},
};

/// The names of the server's StatefulSet, of its pod, and of the claim to the volume with its data.
const NAME: &str = "postgres";
const POD: &str = "postgres-0";
pub(crate) const CLAIM: &str = "data-postgres-0";

/// Brings the server up; `objects` are its rendered ones.
pub(crate) async fn up(
    site: &Site<'_>,
    host: &impl Host,
    objects: Option<&str>,
    url: &PostgresUrl,
    progress: &dyn Progress,
) -> Result<Status> {
    let doing = || format!("reading the objects of the PostgreSQL server of {}", site.env);
    let objects = objects.ok_or_else(|| Error::refused(doing(), "it has none"))?;
    let objects = Objects::parse(objects, &Allowed::in_release(site.namespace, None, &[]), doing)?;
    let service = objects.service();
    let service = service.as_ref();
    let kinds = Kinds::of_objects(site.client, &objects).await?;
    let applier = Applier { client: site.client, kinds: &kinds, take_over: &[], before: None, release: None };
    applier.apply_all(&objects.namespace).await?;
    secrets::postgres(site, service, url).await?;
    let before = stateful::is_up::<StatefulSet>(site, NAME).await?;
    stateful::label(site, service, NAME).await?;
    applier.apply_all(&objects.services).await?;
    start(site, host, NAME, progress).await?;
    Ok(if before { Status::Unchanged } else { Status::Started })
}

/// Stops the server. Its volume is kept, unless `data`; the next `run` or `up` brings all of it back.
pub(crate) async fn down(site: &Site<'_>, data: bool, progress: &dyn Progress) -> Result<Gone> {
    progress.step("stopping PostgreSQL");
    let sets: Api<StatefulSet> = Api::namespaced(site.client.clone(), site.namespace);
    let stopped = delete(&sets, NAME, "the StatefulSet postgres").await?;
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    gone(pods, POD).await?;
    let mut deleted = false;
    if data {
        progress.step("deleting the database");
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
        deleted = delete(&claims, CLAIM, "the volume claim of PostgreSQL").await?;
        gone(claims, CLAIM).await?;
    }
    Ok(Gone { stopped, data: deleted, ..Gone::default() })
}

/// Whether the server takes connections now.
pub(crate) async fn is_up(site: &Site<'_>) -> Result<bool> {
    stateful::is_up::<StatefulSet>(site, NAME).await
}

/// Waits for a backing service, after doing what may keep it from starting.
pub(crate) async fn start(
    site: &Site<'_>,
    host: &impl Host,
    name: &str,
    progress: &dyn Progress,
) -> Result<()> {
    stateful::renew(site, name, progress).await?;
    if stateful::is_up::<StatefulSet>(site, name).await? {
        return Ok(());
    }
    progress.step(&format!("starting {name}"));
    let doing = format!("waiting for the volume of {name}");
    stateful::within_deadline(&doing, host.prepare_volume(site, name)).await?;
    stateful::start_over(site, name).await?;
    stateful::ready::<StatefulSet>(site, name).await
}
