//! Stops a deploy, with its data or without.

use xtask_contract::{Deploy, EnvName, Progress, Repo, Result};

use crate::{Backends, Data, Down, Gone};

/// Stops what `run` started for a deploy, and returns when it is gone; its data are kept unless `data`.
pub async fn down(
    repo: &Repo,
    env: &EnvName,
    data: bool,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<Down> {
    let deploy = Deploy::read(repo, env)?;
    let own = deploy.services.own_postgres().is_some();
    let backend = backends.of(repo, env, &deploy.target)?;
    let Gone { stopped, data: deleted, mut left } = backend.down(&deploy, data, progress).await?;
    if deploy.services.postgres.as_ref().is_some_and(|postgres| postgres.attached) {
        left.push("the database that is attached to it is not its own, and is left alone".to_owned());
    }
    let data = match (data, deleted) {
        (true, true) => Data::Deleted,
        (false, _) if own => Data::Kept,
        _ => Data::None,
    };
    Ok(Down { env: env.clone(), stopped, data, left })
}

/// What `down` would delete with the data, a line each; none, if there is nothing.
pub async fn losses(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Result<Vec<String>> {
    let deploy = Deploy::read(repo, env)?;
    backends.of(repo, env, &deploy.target)?.losses().await
}
