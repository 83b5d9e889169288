//! Who runs a deploy of this machine: at most one `run` at a time, and none before the processes of an earlier
//! one are gone. Both are file locks, which the system takes back from whoever dies.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::fd::{AsRawFd, RawFd},
    path::PathBuf,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time;
use xtask_contract::{Context, EnvName, Error, Progress, Repo, Result, durable, witness::Witness};

/// How long processes that were told to stop may take: longer than the service's own deadline.
const PATIENCE: Duration = Duration::from_mins(1);

/// The file that notes the newest release that ran.
const WITNESS: &str = "witness.toml";

/// The right to run a deploy, for as long as it is held.
#[derive(Debug)]
pub(super) struct Lock {
    folder: PathBuf,
    _supervisor: File,
    children: File,
}

impl Lock {
    /// Takes the lock, or refuses if a `run` of this deploy has it.
    pub(super) async fn take(repo: &Repo, env: &EnvName, progress: &dyn Progress) -> Result<Self> {
        let folder = folder(repo, env);
        let doing = || format!("taking the lock of {env}");
        fs::create_dir_all(&folder).doing(doing)?;
        let mut supervisor = open(folder.join("run.lock")).doing(doing)?;
        try_lock(&mut supervisor, env)?;
        let mut write = || -> io::Result<()> {
            supervisor.set_len(0)?;
            write!(supervisor, "{}", std::process::id())
        };
        write().doing(doing)?;

        let children = open(folder.join("children.lock")).doing(doing)?;
        if let Err(TryLockError::WouldBlock) = children.try_lock() {
            progress.step("waiting for the processes of an earlier run to end");
            wait(children.try_clone().doing(doing)?, env).await?;
        }
        Ok(Self { folder, _supervisor: supervisor, children })
    }

    /// The file that each child holds on to.
    pub(super) fn for_children(&self) -> RawFd {
        self.children.as_raw_fd()
    }

    /// The newest release that ran here.
    pub(super) fn witness(&self) -> Result<Option<Witness>> {
        let path = self.folder.join(WITNESS);
        let doing = || format!("reading {}", path.display());
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::failed(doing(), error)),
            Ok(text) => toml::from_str(&text).map(Some).doing(doing),
        }
    }

    /// Notes which release runs.
    pub(super) fn remember(&self, witness: &Witness) -> Result<()> {
        let path = self.folder.join(WITNESS);
        let doing = || format!("writing {}", path.display());
        durable::replace(&path, toml::to_string(witness).doing(doing)?.as_bytes(), 0o644).doing(doing)
    }

    /// Forgets it.
    pub(super) fn forget(&self) -> Result<()> {
        let path = self.folder.join(WITNESS);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .doing(|| format!("deleting {}", path.display()))
    }
}

/// Refuses if a `run` of this deploy has the lock.
pub(super) fn refuse_if_running(repo: &Repo, env: &EnvName) -> Result<()> {
    match OpenOptions::new().read(true).open(folder(repo, env).join("run.lock")) {
        Ok(mut supervisor) => try_lock(&mut supervisor, env),
        Err(_) => Ok(()), // it never ran
    }
}

fn try_lock(supervisor: &mut File, env: &EnvName) -> Result<()> {
    match supervisor.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(Error::failed(format!("taking the lock of {env}"), error)),
        Err(TryLockError::WouldBlock) => {
            let pid = holder(supervisor).map_or_else(String::new, |pid| format!(" (process {pid})"));
            Err(Error::refused(format!("running {env}"), format!("it runs already{pid}"))
                .next(format!("stop it with Ctrl-C where it runs, or with `cargo xtask down --env {env}`")))
        }
    }
}

/// Stops the `run` that has a deploy, waits until all of its processes are gone, and tells whether there was one.
pub(super) async fn stop_holder(repo: &Repo, env: &EnvName, progress: &dyn Progress) -> Result<bool> {
    let folder = folder(repo, env);
    let doing = || format!("stopping {env}");
    if !folder.is_dir() {
        return Ok(false);
    }
    let mut supervisor = open(folder.join("run.lock")).doing(doing)?;
    let running = match supervisor.try_lock() {
        Ok(()) => false,
        Err(TryLockError::Error(error)) => return Err(Error::failed(doing(), error)),
        Err(TryLockError::WouldBlock) => true,
    };
    progress.step("waiting for the processes to end");
    if running {
        let pid = holder(&mut supervisor).ok_or_else(|| {
            Error::failed(doing(), "it has just started and is not known yet").next("try again")
        })?;
        kill_process(pid, Signal::TERM).doing(doing)?;
        wait(supervisor, env).await?;
    }
    wait(open(folder.join("children.lock")).doing(doing)?, env).await?;
    Ok(running)
}

async fn wait(file: File, env: &EnvName) -> Result<()> {
    let doing = || format!("waiting for the processes of {env} to end");
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    match time::timeout(PATIENCE, locked).await {
        Ok(Ok(locked)) => locked.map(drop).doing(doing),
        Ok(Err(panicked)) => Err(Error::failed(doing(), panicked)),
        Err(_) => Err(Error::failed(doing(), format!("some are still there after {} s", PATIENCE.as_secs()))
            .next(format!("`fuser .xtask/{env}/children.lock` names them"))),
    }
}

fn holder(file: &mut File) -> Option<Pid> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok().and_then(Pid::from_raw)
}

fn open(path: PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// The folder with the state of a deploy of this machine.
pub(super) fn folder(repo: &Repo, env: &EnvName) -> PathBuf {
    repo.state().join(env.as_str())
}
