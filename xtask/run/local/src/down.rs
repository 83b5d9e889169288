//! `down` of a local deploy.

use std::net::TcpStream;

use xtask_contract::{Deploy, EnvName, Progress, Repo, Result};
use xtask_run::Gone;

use crate::{
    journal,
    listening::ListenAddress,
    lock::{self, Lock},
    service,
};

/// How long something that still listens may take to answer.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// Stops a local deploy, its PostgreSQL server included.
pub(crate) async fn down(
    repo: &Repo,
    env: &EnvName,
    deploy: &Deploy,
    data: bool,
    progress: &dyn Progress,
) -> Result<Gone> {
    let mut gone = stop(repo, env, data, progress).await?;
    let answers = |at: &ListenAddress| TcpStream::connect_timeout(&at.address, LOOK).is_ok();
    for ListenAddress { address, .. } in ListenAddress::expected(repo, deploy).into_iter().filter(answers) {
        gone.left.push(format!(
            "something answers at port {0} all the same, which no `run` of this checkout has started: `ss -ltnp 'sport = \
             :{0}'` shows what",
            address.port()
        ));
    }
    Ok(gone)
}

async fn stop(repo: &Repo, env: &EnvName, data: bool, progress: &dyn Progress) -> Result<Gone> {
    let ran = lock::stop_holder(repo, env, progress).await?;
    if !lock::folder(repo, env).is_dir() {
        return Ok(Gone::default()); // nothing was ever done here
    }
    let lock = Lock::take(repo, env, progress).await?;
    let mut gone = service::stop_after_run(repo, env, data, &lock, progress).await?;
    gone.stopped |= ran;
    if data {
        lock.forget()?;
        journal::forget(repo, env)?;
    }
    Ok(gone)
}

/// What would be deleted with the data.
pub(crate) fn losses(repo: &Repo, env: &EnvName) -> Vec<String> {
    let folder = lock::folder(repo, env);
    if !folder.is_dir() {
        return Vec::new();
    }
    let logs = format!(
        "what its processes have written, and what is remembered of its releases, in {}",
        folder.display()
    );
    service::losses(repo, env).into_iter().chain([logs]).collect()
}
