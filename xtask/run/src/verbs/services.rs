//! A deploy's backing services by themselves: started, stopped and looked at without a release.
//!
//! This stage reads no config but a release's, and there may be none yet. So the command line hands over what
//! it takes: the service's table in the deploy's file, its URL, opened, and its objects, rendered; all of them
//! made by stage release.

use std::time::Duration;

use tokio::{net::TcpStream, time};
use xtask_contract::{EnvName, Progress, Repo, Result, deploy::Target};

use crate::{Backends, Data, OwnPostgres, ServiceState, Status};

/// How long a service that is only looked at may take to answer.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Starts a deploy's own server and waits until it takes connections. It stays when this returns.
pub async fn up(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    own: &OwnPostgres<'_>,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<Status> {
    backends.of(repo, env, target)?.start_postgres(own, progress).await
}

/// What [`down`] would delete with the data, a line each; none, if there is nothing.
pub fn losses(repo: &Repo, env: &EnvName, target: &Target, backends: &dyn Backends) -> Result<Vec<String>> {
    Ok(backends.of(repo, env, target)?.postgres_losses())
}

/// Stops a deploy's own server, and tells whether it ran and what became of its data, which are kept unless `data`.
pub async fn down(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    data: bool,
    backends: &dyn Backends,
    progress: &dyn Progress,
) -> Result<(bool, Data)> {
    let gone = backends.of(repo, env, target)?.stop_postgres(data, progress).await?;
    let data = match (data, gone.data) {
        (false, _) => Data::Kept,
        (true, true) => Data::Deleted,
        (true, false) => Data::None,
    };
    Ok((gone.stopped, data))
}

/// Whether a deploy's own server is there.
pub async fn state(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    backends: &dyn Backends,
) -> Result<ServiceState> {
    let backend = backends.of(repo, env, target)?;
    Ok(looked(backend.postgres_is_up()).await)
}

/// What a look that may take [`LOOK`] has found.
pub(super) async fn looked(is_up: impl Future<Output = Result<bool>>) -> ServiceState {
    ServiceState::of(time::timeout(LOOK, is_up).await.ok().and_then(Result::ok))
}

/// Whether something takes connections there: all that can be told of an attached server without logging in.
pub async fn answers(host: &str, port: u16) -> ServiceState {
    match time::timeout(LOOK, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => ServiceState::Up,
        Ok(Err(_)) | Err(_) => ServiceState::Down,
    }
}
