//! A deploy's backing services by themselves: started, stopped and looked at without a release.
//!
//! This stage reads no config but a release's, and there may be none yet. So the command line hands over what
//! it takes: the service's table in the deploy's file, its URL, opened, and its objects, rendered; all of them
//! made by stage release.

use std::time::Duration;

use serde::Serialize;
use tokio::{net::TcpStream, time};
use xtask_contract::{
    EnvName, Progress, Repo, Result, Secret,
    deploy::{Postgres, Target},
};

use crate::{Data, Nodes, Status, kind, local, postgres_url::PostgresUrl, reach::Reach, remote};

/// How long a service that is only looked at may take to answer.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// A deploy's own PostgreSQL server.
#[derive(Debug, Clone, Copy)]
pub struct OwnPostgres<'a> {
    /// Where the deploy runs.
    pub target: &'a Target,
    /// Its table in the deploy's file.
    pub postgres: &'a Postgres,
    /// Its URL.
    pub url: &'a Secret,
    /// Its Kubernetes objects, for a target that has them.
    pub objects: Option<&'a str>,
}

/// Whether a backing service is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It takes connections.
    Up,
    /// It does not.
    Down,
    /// That cannot be told here and now.
    Unknown,
}

impl State {
    /// By whether it is up, if that was told in time.
    pub(crate) fn of(is_up: Option<bool>) -> Self {
        match is_up {
            Some(true) => Self::Up,
            Some(false) => Self::Down,
            None => Self::Unknown,
        }
    }
}

/// Starts a deploy's own server and waits until it takes connections. It stays when this returns.
pub async fn up(
    repo: &Repo,
    env: &EnvName,
    own: &OwnPostgres<'_>,
    nodes: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Status> {
    let url = PostgresUrl::parse(&own.postgres.variable, own.url)?;
    match Reach::of(own.target) {
        None => local::service::up(repo, env, &url, progress).await,
        Some(Reach::Kind(place)) => kind::service::up(repo, env, &place, own, &url, nodes, progress).await,
        Some(Reach::Remote(place)) => remote::service_up(env, &place, own, &url, progress).await,
    }
}

/// What [`down`] would delete with the data, a line each; none, if there is nothing.
pub fn losses(repo: &Repo, env: &EnvName, target: &Target) -> Vec<String> {
    let place = match Reach::of(target) {
        None => return local::service::losses(repo, env),
        Some(Reach::Kind(place)) => {
            format!("namespace {} of the kind cluster {}", place.namespace, place.cluster)
        }
        Some(Reach::Remote(place)) => {
            format!("namespace {} of the cluster of the context {}", place.namespace, place.context)
        }
    };
    vec![format!("the database of its own PostgreSQL server in the {place}")]
}

/// Stops a deploy's own server, and tells whether it ran and what became of its data, which are kept unless `data`.
pub async fn down(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    data: bool,
    nodes: &impl Nodes,
    progress: &dyn Progress,
) -> Result<(bool, Data)> {
    let gone = match Reach::of(target) {
        None => local::service::down(repo, env, data, progress).await?,
        Some(Reach::Kind(place)) => kind::service::down(repo, env, &place, data, nodes, progress).await?,
        Some(Reach::Remote(place)) => remote::service_down(env, &place, data, progress).await?,
    };
    let data = match (data, gone.data) {
        (false, _) => Data::Kept,
        (true, true) => Data::Deleted,
        (true, false) => Data::None,
    };
    Ok((gone.stopped, data))
}

/// Whether a deploy's own server is there.
pub async fn state(repo: &Repo, env: &EnvName, target: &Target, nodes: &impl Nodes) -> State {
    let is_up = async {
        match Reach::of(target) {
            None => Ok(local::service::is_up(repo, env)),
            Some(Reach::Kind(place)) => kind::service::is_up(repo, env, &place, nodes).await,
            Some(Reach::Remote(place)) => remote::service_is_up(env, &place).await,
        }
    };
    State::of(time::timeout(LOOK, is_up).await.ok().and_then(Result::ok))
}

/// Whether something takes connections there: all that can be told of an attached server without logging in.
pub async fn answers(host: &str, port: u16) -> State {
    match time::timeout(LOOK, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => State::Up,
        Ok(Err(_)) | Err(_) => State::Down,
    }
}
