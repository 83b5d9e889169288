//! A deploy's own PostgreSQL server on its kind cluster by itself, with nothing else of the deploy.

use xtask_contract::{EnvName, Error, Progress, Repo, Result};

use super::{
    Here, Place,
    cluster::{self, Cluster},
    images,
    nodes::Nodes,
};
use crate::{
    Status,
    down::Gone,
    kubernetes::{SILENCE, service},
    postgres_url::PostgresUrl,
    services::OwnPostgres,
};

/// Brings the server up, on a cluster that is made or started if need be.
pub(crate) async fn up(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    own: &OwnPostgres<'_>,
    url: &PostgresUrl,
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Status> {
    let Cluster { client, nodes } = Cluster::ready(repo, place, engine, SILENCE, progress).await?;
    images::bring_service(own.postgres.image.as_deref(), &nodes, engine, progress).await?;
    let here = Here { place, nodes: &nodes, engine };
    service::up(&place.site(&client, env), &here, own.objects, url, progress).await
}

/// Stops the server and tells whether it ran.
pub(crate) async fn down(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    data: bool,
    engine: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Gone> {
    let nodes = engine.of_cluster(place.cluster).await?;
    if !nodes.iter().any(|node| node.running) {
        if data && !nodes.is_empty() {
            let why = format!("the kind cluster {} is stopped", place.cluster);
            return Err(Error::refused(format!("deleting the database of {env}"), why).next(format!(
                "start it with `cargo xtask services up postgres --env {env}`, or delete all of the deploy with \
                 `cargo xtask down --env {env} --data`"
            )));
        }
        return Ok(Gone::default());
    }
    let client = cluster::client(repo, place).await?;
    service::down(&place.site(&client, env), data, progress).await
}

/// Whether the server takes connections now.
pub(crate) async fn is_up(
    repo: &Repo,
    env: &EnvName,
    place: &Place<'_>,
    engine: &impl Nodes,
) -> Result<bool> {
    if !engine.of_cluster(place.cluster).await?.iter().any(|node| node.running) {
        return Ok(false);
    }
    let client = cluster::client(repo, place).await?;
    service::is_up(&place.site(&client, env)).await
}
