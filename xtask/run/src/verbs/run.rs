//! Brings a deploy to a release, or tells what that would do.

use xtask_contract::{Deploy, EnvName, Ledger, Progress, ReleaseId, Repo, Result, Vouched, progress::Silent};

use super::deploy_state::{place, record, record_of};
use crate::{Backends, Change, Options, Ran, wanted::Wanted};

/// Runs a release, the deploy's newest one if none is named. A local deploy stays in the foreground until it is told to
/// stop, unless a `run` of it is up already, which then takes the release over; `announce` hears when the service is
/// ready, in either case.
pub async fn run(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    options: &Options,
    backends: &dyn Backends,
    progress: &dyn Progress,
    announce: &dyn Fn(&Ran),
) -> Result<()> {
    let id = newest_if_none(repo, env, id)?;
    let place = place(repo, env).ok().map(|(target, _)| target);
    let at_place = place.as_ref().and_then(|target| backends.of(repo, env, target).ok());
    let wanted = Wanted::check(repo, env, id, &record_of(env, at_place.as_deref()).await)?;
    // What was asked is what runs it, with the connection that it has, unless the release is for another place.
    let target = &wanted.verified.release.target;
    let backend = match at_place {
        Some(backend) if place.as_ref() == Some(target) => backend,
        _ => backends.of(repo, env, target)?,
    };
    backend.run(&wanted.job(repo, env, options, progress), announce).await
}

/// What running a release would change on its cluster: each object before and after. Nothing is changed.
pub async fn changes(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    options: &Options,
    backends: &dyn Backends,
) -> Result<Vec<Change>> {
    let wanted = wanted(repo, env, newest_if_none(repo, env, id)?, backends).await?;
    let backend = backends.of(repo, env, &wanted.verified.release.target)?;
    backend.changes(&wanted.job(repo, env, options, &Silent)).await
}

/// Refuses if a release like this one could not run now: what `run` looks at before it does anything. Nothing is changed
/// or started.
pub async fn could_run(
    repo: &Repo,
    env: &EnvName,
    id: ReleaseId,
    options: &Options,
    backends: &dyn Backends,
) -> Result<()> {
    let wanted = wanted(repo, env, id, backends).await?;
    let backend = backends.of(repo, env, &wanted.verified.release.target)?;
    backend.could_run(&wanted.job(repo, env, options, &Silent)).await
}

/// Looks for all that would keep a release of this deploy from running, before the work of making one.
pub async fn preflight(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Result<()> {
    let deploy = Deploy::read(repo, env)?;
    Vouched::of(repo, env, deploy.policy.clone(), &record(repo, env, backends).await)?;
    backends.of(repo, env, &deploy.target)?.preflight(&deploy).await
}

async fn wanted(repo: &Repo, env: &EnvName, id: ReleaseId, backends: &dyn Backends) -> Result<Wanted> {
    Wanted::check(repo, env, id, &record(repo, env, backends).await)
}

/// The release that is named, or the newest. A deploy without releases may be one that does not exist at all.
fn newest_if_none(repo: &Repo, env: &EnvName, id: Option<ReleaseId>) -> Result<ReleaseId> {
    match id {
        Some(id) => Ok(id),
        None => Ledger::of(repo, env).newest().map_err(|none| Deploy::read(repo, env).err().unwrap_or(none)),
    }
}
