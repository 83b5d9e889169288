//! One-off processes: a command of the image, with the config and the secrets of a release.

use xtask_contract::{EnvName, Error, Policy, Progress, ReleaseId, Repo, Result, Vouched};

use super::deploy_state::{deploy_state, record};
use crate::{Backends, Console, OneOff};

/// Runs the image's program once with these arguments, and with the environment that a release gives to its
/// processes: the one that runs, if none is named. Gives back its exit code. On this machine it takes the place of
/// this process, and nothing is given back.
pub async fn admin(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    args: &[String],
    console: &mut dyn Console,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<u8> {
    let id = match id {
        Some(id) => id,
        None => running(repo, env, backends).await?,
    };
    let record = record(repo, env, backends).await;
    let vouched = Vouched::of(repo, env, Policy::read(repo, env)?, &record)?;
    let verified = vouched.release(id)?;
    let backend = backends.of(repo, env, &verified.release.target)?;
    let process = OneOff { verified: &verified, kinds: &vouched.policy().kinds, record: &record, args };
    backend.admin(&process, console, progress).await
}

/// The release that runs, or has run last.
async fn running(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Result<ReleaseId> {
    let deploy_state = deploy_state(repo, env, backends).await?;
    let last = deploy_state.running.or(deploy_state.last_deployed.map(|last_deployed| last_deployed.id));
    last.ok_or_else(|| nothing_runs(env))
}

/// There is no release whose config a one-off process could have.
pub fn nothing_runs(env: &EnvName) -> Error {
    Error::refused(format!("choosing a release of {env}"), "none of them has run here").next(format!(
        "`cargo xtask run --env {env}` runs the newest one; `cargo xtask up --env {env}` makes one first"
    ))
}
