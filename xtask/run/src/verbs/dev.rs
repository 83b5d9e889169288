//! Runs quick builds of a deploy while they are written.

use xtask_contract::{Deploy, EnvName, Progress, Repo, Result};

use crate::{Backends, DevLoop};

/// Runs what the loop makes, in the foreground until it ends or is told to stop.
pub async fn dev(
    repo: &Repo,
    env: &EnvName,
    work: &mut dyn DevLoop,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<()> {
    let target = Deploy::read(repo, env)?.target;
    backends.of(repo, env, &target)?.dev(work, progress).await
}
