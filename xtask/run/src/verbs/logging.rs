//! A deploy's log shipper: started, stopped and looked at without a release, as [`super::services`] are.

use xtask_contract::{EnvName, Progress, Repo, Result, deploy::Target};

use super::services::looked;
use crate::{Backends, ServiceState, Status};

/// Starts the shipper with this image and these rendered objects, and waits until it reads on each node.
pub async fn up(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    (image, objects): (&str, &str),
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<Status> {
    backends.of(repo, env, target)?.start_shipper(image, objects, progress).await
}

/// Stops the shipper and tells whether there was one.
pub async fn down(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<bool> {
    backends.of(repo, env, target)?.stop_shipper(progress).await
}

/// Whether it reads on each node.
pub async fn state(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    backends: &dyn Backends,
) -> Result<ServiceState> {
    let backend = backends.of(repo, env, target)?;
    Ok(looked(backend.shipper_is_up()).await)
}
