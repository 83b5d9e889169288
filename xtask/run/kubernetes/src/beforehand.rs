//! What `run` looks at before it takes the lock: whether the cluster knows the objects, and whether this user may do
//! what it takes.

use xtask_contract::{Error, Result};

use crate::{apply::Applier, checks, kinds::Kinds, notes, objects::Objects, site::Site};
use xtask_run::Job;

/// A release's objects that a cluster knows and this user may apply.
pub(crate) struct Beforehand {
    pub(crate) objects: Objects,
    pub(crate) kinds: Kinds,
    /// What is left out, and why.
    pub(crate) left_out: Vec<String>,
    /// Whether the deploy's namespace is there.
    pub(crate) has_namespace: bool,
}

impl Beforehand {
    pub(crate) async fn look(job: &Job<'_>, site: &Site<'_>) -> Result<Self> {
        let mut objects = Objects::of(job.verified, site.further)?;
        let kinds = Kinds::of_objects(site.client, &objects).await?;
        let left_out = kinds.leave_out(&mut objects);
        let has_namespace = checks::has_namespace(site.client, site.namespace).await?;
        let mut problems = kinds.problems(&objects);
        problems.extend(checks::permissions(site, &kinds, &objects, has_namespace).await?);
        if problems.is_empty() {
            return Ok(Self { objects, kinds, left_out, has_namespace });
        }
        Err(Error::refused_for(format!("checking {} for {}", site.env, job.verified.mark()), problems))
    }
}

/// Refuses a release like which none could run now: all that `run` checks, but for its being newer than what has run.
pub(crate) async fn could_run(job: &Job<'_>, site: &Site<'_>) -> Result<()> {
    let Beforehand { objects, kinds, has_namespace, .. } = Beforehand::look(job, site).await?;
    if !has_namespace {
        return Ok(());
    }
    let last_deployed = notes::last_deployed(site).await?;
    job.check_history(last_deployed.as_ref())?;
    let before = Objects::last_applied(job, last_deployed.as_ref());
    let take_over = &job.options.take_over;
    let before = before.as_ref();
    let applier = Applier { client: site.client, kinds: &kinds, take_over, before, release: None };
    checks::look(site, &applier, &objects, &job.verified.mark()).await.map(drop)
}
