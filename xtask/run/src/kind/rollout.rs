//! Changes the Deployments to a release, and back if their pods do not become ready.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, ResourceExt};
use xtask_contract::{Error, Exit, Ledger, ReleaseId, Result, release::RELEASE_ANNOTATION};

use super::{Objects, Place, api_error::ApiContext, apply_all, objects, wait};
use crate::Job;

/// Which release a Deployment is on, and whether all of its pods are.
pub(super) struct Now {
    pub(super) id: ReleaseId,
    pub(super) settled: bool,
}

/// The releases that the Deployments of these names are on; those that are not there are left out.
pub(super) async fn running(
    client: &Client,
    place: &Place<'_>,
    names: &[String],
) -> Result<BTreeMap<String, Now>> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), place.namespace);
    let mut found = BTreeMap::new();
    for name in names {
        let deployment = api.get_opt(name).await.asked(|| format!("reading the Deployment {name}"))?;
        let now = deployment.and_then(|deployment| {
            let id = deployment.annotations().get(RELEASE_ANNOTATION)?.parse().ok()?;
            Some(Now { id, settled: wait::is_settled(&deployment) })
        });
        found.extend(now.map(|now| (name.clone(), now)));
    }
    Ok(found)
}

/// Changes the Deployments and waits for their pods; on failure, brings back the release that ran before.
pub(super) async fn roll_out(
    job: &Job<'_>,
    place: &Place<'_>,
    client: &Client,
    objects: &Objects,
    before: Option<ReleaseId>,
) -> Result<()> {
    let Err(error) = try_roll_out(job, place, client, objects).await else { return Ok(()) };
    let wanted = job.verified.release.id;
    let Some(before) = before.filter(|before| *before != wanted) else {
        return Err(error);
    };
    job.progress.note(&format!("{wanted} failed; going back to {before}"));
    let back = async {
        let verified = Ledger::of(job.repo, job.env).load(before)?;
        let objects = Objects::sort(objects::of_release(&verified)?);
        try_roll_out(job, place, client, &objects).await
    };
    match back.await {
        Ok(()) => Err(Error {
            exit: Exit::FellBack,
            why: error.why.into_iter().chain([format!("the deploy is back on {before}")]).collect(),
            ..error
        }),
        Err(back) => Err(Error {
            why: error
                .why
                .into_iter()
                .chain([format!("going back to {before} failed, too: {back}")])
                .collect(),
            ..error
        }),
    }
}

async fn try_roll_out(job: &Job<'_>, place: &Place<'_>, client: &Client, objects: &Objects) -> Result<()> {
    apply_all(client, &objects.processes).await?;
    for name in Objects::names(&objects.processes, "Deployment") {
        wait::deployment(client, place.namespace, &name, job.progress).await?;
    }
    Ok(())
}
