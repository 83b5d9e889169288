//! The locks of a deploy's own PostgreSQL server: the right to start or stop it, and whether it is there. Both are file
//! locks, like those in [`crate::lock`]: a command has the first one while it starts or stops the server, and every process
//! of the server holds on to the second.

use std::{
    fs::{self, File},
    os::fd::{AsRawFd, RawFd},
    path::Path,
    time::Duration,
};

use rustix::process::Signal;
use tokio::time;
use xtask_contract::{Context, EnvName, Error, Progress, Repo, Result};

use crate::{
    lock,
    postmaster::{self, Postmaster},
};

/// How long a server may take to start or to end; its recovery after a crash is part of that.
const PATIENCE: Duration = Duration::from_mins(1);
const PERIOD: Duration = Duration::from_millis(50);

/// The file that every process of the server holds on to.
const SERVER: &str = "postgres.lock";

/// The right to start or stop a deploy's own server.
#[derive(Debug)]
pub(crate) struct ServerLock {
    _mine: File,
    server: File,
    doing: String,
}

impl ServerLock {
    /// Waits until it is this command's to have.
    pub(crate) async fn take(repo: &Repo, env: &EnvName, progress: &dyn Progress) -> Result<Self> {
        let folder = lock::folder(repo, env);
        let doing = format!("waiting for the PostgreSQL server of {env}");
        fs::create_dir_all(&folder).doing(|| doing.as_str())?;
        let server_lock = lock::open(&folder.join("postgres.turn")).doing(|| doing.as_str())?;
        if server_lock.try_lock().is_err() {
            progress.step("waiting for another command that starts or stops PostgreSQL");
            lock::wait(server_lock.try_clone().doing(|| doing.as_str())?, &doing).await?;
        }
        let server = lock::open(&folder.join(SERVER)).doing(|| doing.as_str())?;
        Ok(Self { _mine: server_lock, server, doing })
    }

    /// The server that runs already. One that is just starting or ending is waited for; if there is none, it is
    /// this command's to start.
    pub(crate) async fn running(&self, data: &Path) -> Result<Option<Postmaster>> {
        let settled = async {
            loop {
                if self.server.try_lock().is_ok() && !postmaster::is_unforgotten(data) {
                    return None;
                }
                if let Some(found) = Postmaster::of(data).filter(|found| found.ready) {
                    return Some(found);
                }
                // The server announces to nobody that it is ready: it writes that to a file.
                time::sleep(PERIOD).await;
            }
        };
        time::timeout(PATIENCE, settled).await.map_err(|_| {
            let why = format!("it neither takes connections nor ends within {} s", PATIENCE.as_secs());
            Error::failed(&self.doing, why)
                .next(format!("its log is {}", data.with_file_name("log").display()))
        })
    }

    /// Stops the server, if it is there, and waits until all of its processes are gone.
    pub(crate) async fn stop(&self, data: &Path, progress: &dyn Progress) -> Result<bool> {
        if self.server.try_lock().is_ok() {
            return Ok(false);
        }
        progress.step("stopping PostgreSQL");
        // PostgreSQL's fast shutdown.
        Postmaster::signal(data, Signal::INT);
        lock::wait(self.server.try_clone().doing(|| self.doing.as_str())?, &self.doing).await?;
        Ok(true)
    }

    /// The file that each process of the server is to hold on to.
    pub(crate) fn for_server(&self) -> RawFd {
        self.server.as_raw_fd()
    }

    /// Releases the lock for a command that has started the server and keeps it.
    pub(crate) fn end(self) -> File {
        self.server
    }
}

/// Whether the server of a deploy takes connections now.
pub(crate) fn is_up(repo: &Repo, env: &EnvName, data: &Path) -> bool {
    // Looking at the lock is in nobody's way: a command that wants it tries again.
    let held =
        File::open(lock::folder(repo, env).join(SERVER)).is_ok_and(|server| server.try_lock().is_err());
    held && Postmaster::of(data).is_some_and(|found| found.ready)
}
