//! The locks of a local deploy: one `run` at a time, and none before the processes of an earlier one are gone. Both are
//! file locks, which the system takes back from a process that dies.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::fd::{AsRawFd, RawFd},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, pidfd_send_signal};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time;
use xtask_contract::{
    Context, EnvName, Error, Progress, ReleaseId, Repo, Result, durable, last_deployed::LastDeployed,
};

use crate::scale_file;
use xtask_run::{FailureRecord, History, Outcome, ProcessMark};

/// How long processes that were told to stop may take: longer than the service's own deadline.
const PATIENCE: Duration = Duration::from_mins(1);

/// The most bytes of the mark of a process.
const LONGEST_MARK: u64 = 4 << 10;

/// The file that notes the newest release that ran.
const LAST_DEPLOYED: &str = "witness.toml";
/// The file that notes what befell the releases.
const HISTORY: &str = "history.toml";

/// The right to run a deploy, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Lock {
    folder: PathBuf,
    _supervisor: File,
    children: File,
}

impl Lock {
    /// Takes the lock, or refuses if a `run` of this deploy has it.
    pub(crate) async fn take(repo: &Repo, env: &EnvName, progress: &dyn Progress) -> Result<Self> {
        Self::try_take(repo, env, progress).await?.ok_or_else(|| {
            Error::refused(format!("taking the lock of {env}"), "it was started again just now")
                .next(format!("`cargo xtask down --env {env}` stops that, too"))
        })
    }

    /// Takes the lock, unless a `run` of this deploy has it.
    pub(crate) async fn try_take(
        repo: &Repo,
        env: &EnvName,
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let folder = folder(repo, env);
        let doing = || format!("taking the lock of {env}");
        fs::create_dir_all(&folder).doing(doing)?;
        let mut supervisor = open(&folder.join("run.lock")).doing(doing)?;
        match supervisor.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            locked => locked.map_err(io::Error::from).doing(doing)?,
        }
        let mut write = || -> io::Result<()> {
            supervisor.set_len(0)?;
            write!(supervisor, "{}", ProcessMark::of_this_process())
        };
        write().doing(doing)?;

        let children = open(&folder.join("children.lock")).doing(doing)?;
        if let Err(TryLockError::WouldBlock) = children.try_lock() {
            progress.step("waiting for the processes of an earlier run to end");
            wait(children.try_clone().doing(doing)?, &processes_of(env)).await?;
        }
        Ok(Some(Self { folder, _supervisor: supervisor, children }))
    }

    /// The file that each child holds on to.
    pub(crate) fn for_children(&self) -> RawFd {
        self.children.as_raw_fd()
    }

    /// The newest release that ran here.
    pub(crate) fn last_deployed(&self) -> Result<Option<LastDeployed>> {
        read_last_deployed(&self.folder)
    }

    /// Notes which release runs.
    pub(crate) fn remember(&self, last_deployed: &LastDeployed) -> Result<()> {
        // In this order: the history of a deploy that has kept none begins with the last-deployed record of before.
        self.note(last_deployed.id, Outcome::Ran)?;
        self.write(LAST_DEPLOYED, last_deployed)
    }

    /// Notes that a release has run, or failed to.
    pub(crate) fn note(&self, release: ReleaseId, outcome: Outcome) -> Result<()> {
        let mut history = read_history(&self.folder)?;
        history.add(release, outcome);
        self.write(HISTORY, &history)
    }

    fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let path = self.folder.join(name);
        let doing = || format!("writing {}", path.display());
        durable::replace(&path, toml::to_string(document).doing(doing)?.as_bytes(), 0o644).doing(doing)
    }

    /// Forgets it, and all else that outlives a run.
    pub(crate) fn forget(&self) -> Result<()> {
        scale_file::remove(&self.folder.join(LAST_DEPLOYED))?;
        scale_file::remove(&self.folder.join(HISTORY))?;
        FailureRecord::forget(&self.folder)?;
        scale_file::forget(&self.folder)
    }
}

/// Whether a `run` has a deploy, or some of its processes are still on their way out.
pub(crate) fn is_held(repo: &Repo, env: &EnvName) -> bool {
    let folder = folder(repo, env);
    let held = |name: &str| {
        matches!(open(&folder.join(name)).map(|file| file.try_lock()), Ok(Err(TryLockError::WouldBlock)))
    };
    folder.is_dir() && (held("run.lock") || held("children.lock"))
}

/// The newest release of a deploy that ran on this machine.
pub(crate) fn last_deployed(repo: &Repo, env: &EnvName) -> Result<Option<LastDeployed>> {
    read_last_deployed(&folder(repo, env))
}

/// What befell the releases of a deploy on this machine.
pub(crate) fn history(repo: &Repo, env: &EnvName) -> Result<History> {
    read_history(&folder(repo, env))
}

fn read_history(folder: &Path) -> Result<History> {
    match read(&folder.join(HISTORY))? {
        Some(history) => Ok(history),
        None => Ok(History::begun_by(read_last_deployed(folder)?.as_ref())),
    }
}

fn read_last_deployed(folder: &Path) -> Result<Option<LastDeployed>> {
    read(&folder.join(LAST_DEPLOYED))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let doing = || format!("reading {}", path.display());
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::failed(doing(), error)),
        Ok(text) => toml::from_str(&text).map(Some).doing(doing),
    }
}

/// Stops the `run` that has a deploy, waits until all of its processes are gone, and tells whether there was one.
pub(crate) async fn stop_holder(repo: &Repo, env: &EnvName, progress: &dyn Progress) -> Result<bool> {
    let folder = folder(repo, env);
    let doing = || format!("stopping {env}");
    if !folder.is_dir() {
        return Ok(false);
    }
    let mut supervisor = open(&folder.join("run.lock")).doing(doing)?;
    let running = match supervisor.try_lock() {
        Ok(()) => false,
        Err(TryLockError::Error(error)) => return Err(Error::failed(doing(), error)),
        Err(TryLockError::WouldBlock) => true,
    };
    progress.step("waiting for the processes to end");
    if running {
        let process = holder(&mut supervisor).and_then(|mark| mark.open()).ok_or_else(|| {
            Error::failed(
                doing(),
                "which process runs it is not known: it has just started, or is of another version",
            )
            .next("try again; if that does not help, stop it with Ctrl-C where it runs")
        })?;
        pidfd_send_signal(&process, Signal::TERM).map_err(io::Error::from).doing(doing)?;
        wait(supervisor, &processes_of(env)).await?;
    }
    wait(open(&folder.join("children.lock")).doing(doing)?, &processes_of(env)).await?;
    Ok(running)
}

/// The `run` that has a deploy, if there is one. What is left of one that was killed is waited for.
pub(crate) async fn runner(repo: &Repo, env: &EnvName, progress: &dyn Progress) -> Result<Option<Pid>> {
    let folder = folder(repo, env);
    let doing = || format!("looking for a run of {env}");
    let children = open(&folder.join("children.lock")).doing(doing)?;
    // A `run` has this one as long as it has any other; looking at it is in no run's way, as all wait for it.
    if children.try_lock().is_ok() {
        return Ok(None);
    }
    let mut supervisor = open(&folder.join("run.lock")).doing(doing)?;
    match supervisor.try_lock() {
        Err(TryLockError::Error(error)) => Err(Error::failed(doing(), error)),
        Err(TryLockError::WouldBlock) => Ok(holder(&mut supervisor).and_then(|mark| mark.pid())),
        Ok(()) => {
            progress.step("waiting for the processes of an earlier run to end");
            drop(supervisor);
            wait(children, &processes_of(env)).await.map(|()| None)
        }
    }
}

fn processes_of(env: &EnvName) -> String {
    format!("waiting for the processes of {env} to end")
}

/// Waits for a lock until those who hold it are gone, which should not take long.
pub(crate) async fn wait(file: File, doing: &str) -> Result<()> {
    let doing = || doing.to_owned();
    let held = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default();
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    match time::timeout(PATIENCE, locked).await {
        Ok(Ok(locked)) => locked.map(drop).doing(doing),
        Ok(Err(panicked)) => Err(Error::failed(doing(), panicked)),
        Err(_) => Err(Error::failed(doing(), format!("some are still there after {} s", PATIENCE.as_secs()))
            .next(format!("`fuser {}` names them", held.display()))),
    }
}

/// Who noted in a lock's file that they have it. They may be gone: only a mark that is alive is theirs.
fn holder(file: &mut File) -> Option<ProcessMark> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(LONGEST_MARK).read_to_string(&mut text)).ok()?;
    text.parse().ok()
}

/// Opens the file of a lock, and makes it if it is missing.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    durable::lock_file(path)
}

/// The folder with the state of a local deploy.
pub(crate) fn folder(repo: &Repo, env: &EnvName) -> PathBuf {
    repo.state().join(env.as_str())
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt,
        process::{Child, Command},
    };

    use xtask_contract::progress::Silent;

    use super::*;

    /// A process that has nothing to do with any deploy.
    struct Bystander(Child);

    impl Drop for Bystander {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[tokio::test]
    async fn a_process_that_only_has_the_number_of_a_holder_is_not_told_to_stop() {
        let checkout = tempfile::tempdir().unwrap();
        let (repo, env) = (Repo::at(checkout.path()), EnvName::local());
        fs::create_dir_all(folder(&repo, &env)).unwrap();
        let mut bystander = Bystander(Command::new("sleep").arg("60").spawn().unwrap());
        let myself = ProcessMark::of_this_process().to_string();
        let place = myself.rsplitn(3, ' ').nth(2).unwrap().to_owned();
        let path = folder(&repo, &env).join("run.lock");
        let held = open(&path).unwrap();
        held.try_lock().unwrap();
        let number = bystander.0.id();
        // Of a holder that is gone, of another version, of another machine, of a holder that has not written yet.
        for left in
            [format!("{place} {number} 0"), number.to_string(), format!("x y {number} 0"), String::new()]
        {
            fs::write(&path, &left).unwrap();
            let refused = stop_holder(&repo, &env, &Silent).await.unwrap_err().to_string();
            assert!(refused.contains("which process runs it is not known"), "{left:?}: {refused}");
            assert_eq!(bystander.0.try_wait().unwrap(), None, "{left:?}");
        }
    }

    #[tokio::test]
    async fn the_files_of_locks_are_their_owners_alone() {
        let checkout = tempfile::tempdir().unwrap();
        let (repo, env) = (Repo::at(checkout.path()), EnvName::local());
        let _lock = Lock::take(&repo, &env, &Silent).await.unwrap();
        for name in ["run.lock", "children.lock"] {
            let mode = fs::metadata(folder(&repo, &env).join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
