//! A deploy's log shipper on its kind cluster.

use xtask_contract::{EnvName, Progress, Repo, Result};

use super::{Place, cluster::Cluster, images, nodes::Nodes};
use crate::{
    Status,
    kubernetes::{SILENCE, logging},
};

/// Starts it, with its image from the engine where that has got it, on a cluster that is made or started if need be.
pub(crate) async fn up(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    (image, objects): (&str, &str),
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Status> {
    let Cluster { client, nodes } = Cluster::ready(repo, place, engine, SILENCE, progress).await?;
    images::bring_service(Some(image), &nodes, engine, progress).await?;
    logging::up(&place.site(&client, env), objects, progress).await
}
