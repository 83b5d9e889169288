//! How many processes a deploy has of each type: asked for and changed without a release, and kept over releases.

use std::collections::BTreeMap;

use xtask_contract::{EnvName, Policy, Progress, Repo, Result, Vouched};

use super::deploy_state::{place, record};
use crate::{Amount, Backends, Formation, IfBusy};

/// How many processes a deploy has of each type; one that is down: how many its next `run` starts.
pub async fn formation(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Result<Formation> {
    let (target, _) = place(repo, env)?;
    backends.of(repo, env, &target)?.formation().await
}

/// Has as many processes of these types as this, now and over all releases to come; how many there are of each type
/// then. No request is lost, and no release is made. What an autoscaler owns is refused.
pub async fn scale(
    repo: &Repo,
    env: &EnvName,
    requests: &BTreeMap<String, Amount>,
    if_busy: IfBusy,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<Formation> {
    let vouched = Vouched::of(repo, env, Policy::read(repo, env)?, &record(repo, env, backends).await)?;
    let target = match vouched.newest()? {
        Some(newest) => newest.release.target,
        None => place(repo, env)?.0,
    };
    backends.of(repo, env, &target)?.scale(requests, if_busy, progress).await
}
