//! A deploy's own PostgreSQL server by itself: started without a `run`, it outlives the command; a `run` finds it
//! and leaves it running; it is stopped when that is asked for.

use xtask_contract::{EnvName, Error, Progress, Repo, Result};

use crate::{
    lock::{self, Lock},
    postgres, postgres_home,
    postgres_home::Home,
    server_lock::{self, ServerLock},
};
use xtask_run::{Gone, PostgresUrl, Status};

/// Starts the server that a URL names, unless it runs already.
pub(crate) async fn up(
    repo: &Repo,
    env: &EnvName,
    url: &PostgresUrl,
    progress: &dyn Progress,
) -> Result<Status> {
    let server_lock = ServerLock::take(repo, env, progress).await?;
    let runner = lock::runner(repo, env, progress).await?;
    let home = Home::of(repo, env)?;
    let Some(running) = server_lock.running(&home.data()).await? else {
        postgres::start_detached(env, &home, url, &server_lock, progress).await?;
        return Ok(Status::Started);
    };
    postgres::check_fit(env, &home, running, url)?;
    if runner.is_some() && runner == running.parent() {
        progress.note(&format!("`cargo xtask run --env {env}` has started it, and stops it when it ends"));
    }
    Ok(Status::Unchanged)
}

/// What would be deleted with the server's data.
pub(crate) fn losses(repo: &Repo, env: &EnvName) -> Vec<String> {
    let home = postgres_home::known(repo, env).filter(|home| home.exists());
    home.map(|home| format!("its database in {}", home.display())).into_iter().collect()
}

/// Stops the server, unless a `run` may need it.
pub(crate) async fn down(repo: &Repo, env: &EnvName, data: bool, progress: &dyn Progress) -> Result<Gone> {
    if !lock::folder(repo, env).is_dir() {
        return Ok(Gone::default());
    }
    let server_lock = ServerLock::take(repo, env, progress).await?;
    if let Some(pid) = lock::runner(repo, env, progress).await? {
        let why = format!("a `run` of {env} (process {}) may need it", pid.as_raw_nonzero());
        return Err(Error::refused(format!("stopping the PostgreSQL server of {env}"), why).next(format!(
            "stop that first, with Ctrl-C where it runs; `cargo xtask down --env {env}` stops both"
        )));
    }
    stop(repo, env, data, &server_lock, progress).await
}

/// Stops the server of a deploy that does not run, which this lock proves.
pub(crate) async fn stop_after_run(
    repo: &Repo,
    env: &EnvName,
    data: bool,
    _: &Lock,
    progress: &dyn Progress,
) -> Result<Gone> {
    let server_lock = ServerLock::take(repo, env, progress).await?;
    stop(repo, env, data, &server_lock, progress).await
}

async fn stop(
    repo: &Repo,
    env: &EnvName,
    data: bool,
    server_lock: &ServerLock,
    progress: &dyn Progress,
) -> Result<Gone> {
    let Some(folder) = postgres_home::known(repo, env) else { return Ok(Gone::default()) };
    let stopped = server_lock.stop(&postgres_home::data(&folder), progress).await?;
    if data {
        progress.step("deleting the database");
        postgres_home::delete(repo, env)?;
    }
    Ok(Gone { stopped, data, ..Gone::default() })
}

/// Refuses if somebody else listens at the port that the server is to have.
pub(crate) fn check_port(repo: &Repo, env: &EnvName, port: u16) -> Result<()> {
    // One that runs moves to another port when it is started anew.
    if is_up(repo, env) { Ok(()) } else { postgres::check_port(env, port) }
}

/// Whether the server takes connections now.
pub(crate) fn is_up(repo: &Repo, env: &EnvName) -> bool {
    postgres_home::known(repo, env)
        .is_some_and(|folder| server_lock::is_up(repo, env, &postgres_home::data(&folder)))
}
