//! Where a deploy stands: asked for without changing or starting anything.

use std::time::Duration;

use tokio::time;
use xtask_contract::{Deploy, EnvName, Error, Ledger, Record, ReleaseId, Repo, Result, deploy::Target};

use crate::{Backend, Backends, DeployState};

/// How long a deploy may take to tell where it stands.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks where a deploy stands: this machine for `local`, its cluster otherwise. A cluster that this machine has
/// never talked to has no releases of this checkout.
pub async fn deploy_state(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Result<DeployState> {
    let (target, _) = place(repo, env)?;
    deploy_state_at(repo, env, &target, backends).await
}

/// Asks wherever a release, or one after it, may have run: at the target of each of them, of the one before and of the
/// deploy's file, and on this machine. A ledger that somebody has altered is not to say by itself where to ask.
pub async fn deploy_states(
    repo: &Repo,
    env: &EnvName,
    since: ReleaseId,
    backends: &dyn Backends,
) -> Result<Vec<DeployState>> {
    let mut deploy_states = Vec::new();
    for target in places(repo, env, since)? {
        deploy_states.push(deploy_state_at(repo, env, &target, backends).await?);
    }
    Ok(deploy_states)
}

fn places(repo: &Repo, env: &EnvName, since: ReleaseId) -> Result<Vec<Target>> {
    let ledger = Ledger::of(repo, env);
    let ids = ledger.ids()?;
    let before = ids.partition_point(|id| *id < since).saturating_sub(1);
    let mut places = vec![Target::Local {}, Deploy::read(repo, env)?.target];
    // One that cannot be read does not tell where it ran; those beside it and the deploy's file do.
    for found in ids.iter().skip(before).filter_map(|id| ledger.look(*id).ok()) {
        if !places.contains(&found.release.target) {
            places.push(found.release.target);
        }
    }
    places.dedup();
    Ok(places)
}

async fn deploy_state_at(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    backends: &dyn Backends,
) -> Result<DeployState> {
    told_by(env, &*backends.of(repo, env, target)?).await
}

/// Asks where a deploy stands, but not for long.
async fn told_by(env: &EnvName, backend: &dyn Backend) -> Result<DeployState> {
    time::timeout(PATIENCE, backend.deploy_state()).await.unwrap_or_else(|_| {
        let why = format!("it does not answer after {} s", PATIENCE.as_secs());
        Err(Error::failed(format!("asking which release {env} runs"), why))
    })
}

/// What a deploy says that it has run, as far as it can be asked now.
pub(super) async fn record(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Record {
    let place = place(repo, env).ok().map(|(target, _)| target);
    let backend = place.as_ref().and_then(|target| backends.of(repo, env, target).ok());
    record_of(env, backend.as_deref()).await
}

/// The same, of the backend of the deploy's place, if there is one.
pub(super) async fn record_of(env: &EnvName, backend: Option<&dyn Backend>) -> Record {
    let Some(backend) = backend else { return Record::Unknown };
    let told = told_by(env, backend).await;
    told.map_or(Record::Unknown, |deploy_state| Record::Known(deploy_state.last_deployed))
}

/// Where the deploy's newest release runs; before the first one, where it is meant to. That is enough to look at a
/// deploy, also where something is not right with its releases, which is given back; nothing may be decided by it.
pub(super) fn place(repo: &Repo, env: &EnvName) -> Result<(Target, Option<Error>)> {
    let ledger = Ledger::of(repo, env);
    let mut doubt = None;
    for id in ledger.newest_first()? {
        match ledger.look(id) {
            Ok(found) => return Ok((found.release.target, doubt.or(found.doubt))),
            Err(error) => doubt = doubt.or(Some(error)),
        }
    }
    Ok((Deploy::read(repo, env)?.target, doubt))
}
