//! Stops a deploy, with its data or without.

use serde::Serialize;
use xtask_contract::{Deploy, EnvName, Progress, Repo, Result};

use crate::{Nodes, kind, local, reach::Reach, remote};

/// What `down` ended with.
#[derive(Debug, Clone, Serialize)]
pub struct Down {
    /// The deploy.
    pub env: EnvName,
    /// Whether anything was running.
    pub stopped: bool,
    /// What became of its data.
    pub data: Data,
    /// What goes on or stays all the same, and why; a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}

/// What became of the data of a deploy's own server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// They stay.
    Kept,
    /// They are no more.
    Deleted,
    /// It has none of its own here.
    None,
}

/// What was done on a target.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// Whether anything was running.
    pub(crate) stopped: bool,
    /// Whether data of the deploy's own were deleted.
    pub(crate) data: bool,
    /// What is left though it might be thought to be gone, and why.
    pub(crate) left: Vec<String>,
}

/// Stops what `run` started for a deploy, and returns when it is gone; its data are kept unless `data`.
pub async fn down(
    repo: &Repo,
    env: &EnvName,
    data: bool,
    nodes: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Down> {
    let deploy = Deploy::read(repo, env)?;
    let own = deploy.services.own_postgres().is_some();
    let Gone { stopped, data: deleted, mut left } = match Reach::of(&deploy.target) {
        None => local::down(repo, env, &deploy, data, progress).await?,
        Some(Reach::Kind(place)) => {
            let gone = kind::down(repo, env, &place, data, nodes, progress).await?;
            Gone { data: gone.data && own, ..gone }
        }
        Some(Reach::Remote(place)) => remote::down(env, &place, data, progress).await?,
    };
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
pub async fn losses(repo: &Repo, env: &EnvName, nodes: &impl Nodes) -> Result<Vec<String>> {
    let deploy = Deploy::read(repo, env)?;
    match Reach::of(&deploy.target) {
        None => Ok(local::losses(repo, env)),
        Some(Reach::Kind(place)) => kind::losses(repo, env, &place, nodes).await,
        Some(Reach::Remote(place)) => remote::losses(env, &place).await,
    }
}
