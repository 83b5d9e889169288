//! Quick builds of a local deploy, in the foreground, with all of its processes.

use std::future;

use async_trait::async_trait;
use xtask_contract::{Context, EnvName, Error, Progress, ReleaseId, Repo, Result};
use xtask_run::{DevBackend, DevLoop, Job, Ran};

use crate::{
    child, client,
    holder::Holder,
    lock::{self, Lock},
    notice,
    stop::Stop,
    supervisor::{self, Supervisor},
    task_set::task_set,
};

/// Runs what the loop brings until it ends, or SIGINT or SIGTERM comes.
pub(crate) async fn dev(
    repo: &Repo,
    env: &EnvName,
    work: &mut dyn DevLoop,
    progress: &dyn Progress,
) -> Result<()> {
    let mut stop = Stop::listen()?;
    // Before the locks, which children hold on to.
    let _reserved = child::reserve_listen_fd().doing(|| "starting up")?;
    let lock = tokio::select! {
        biased;
        () = stop.asked() => return Ok(()),
        lock = Lock::try_take(repo, env, progress) => lock?,
    };
    let Some(lock) = lock else { return Err(runs_already(repo, env).await) };
    supervisor::while_up((repo, env, progress), &lock, async |supervisor, control| {
        let backend = Supervised(supervisor);
        notice::show(&lock::folder(repo, env), "")?;
        let (answers, answered) = task_set();
        tokio::select! {
            biased;
            () = stop.asked() => Ok(()),
            result = work.go(&backend) => result,
            () = supervisor.serve(control, &answers) => Ok(()),
            () = answered => Ok(()),
        }
    })
    .await
}

async fn runs_already(repo: &Repo, env: &EnvName) -> Error {
    let state = client::state(repo, env).await.ok().flatten();
    let why = match state {
        Some(state) if state.quick => format!("another one runs already (process {})", state.supervisor),
        Some(state) => format!("a `run` of it is up (process {})", state.supervisor),
        None => "a `run` of it is up, and does not answer".to_owned(),
    };
    Error::refused(format!("running quick builds of {env}"), why).next(format!(
        "stop that with Ctrl-C where it runs, or `cargo xtask down --env {env}`; data are kept"
    ))
}

/// A local deploy that this process supervises.
struct Supervised<'s, 'a>(&'s Supervisor<'a>);

#[async_trait(?Send)]
impl DevBackend for Supervised<'_, '_> {
    async fn bring(&self, job: &Job<'_>) -> Result<Ran> {
        let change_lock = self.0.change(Holder::myself(job.verified.release.id)).await;
        let ran = self.0.run(&change_lock, job).await?;
        self.0.taken_over.send_replace(None);
        Ok(ran)
    }

    async fn taken_over(&self) -> ReleaseId {
        let mut taken_over = self.0.taken_over.subscribe();
        let release = taken_over.wait_for(Option::is_some).await.map(|release| *release);
        // The sender is there as long as this.
        match release {
            Ok(Some(release)) => {
                // It is told once: what is built after it is the loop's again.
                self.0.taken_over.send_replace(None);
                release
            }
            Ok(None) | Err(_) => future::pending().await,
        }
    }

    fn processes(&self) -> usize {
        self.0.state().processes.iter().filter(|process| process.ready).count()
    }

    fn process_ids(&self) -> Vec<(String, u32)> {
        self.0
            .state()
            .processes
            .into_iter()
            .filter_map(|process| Some((process.name, process.pid?)))
            .collect()
    }

    async fn show(&self, notice: &str) -> Result<()> {
        notice::show(&lock::folder(self.0.repo, self.0.env), notice)
    }
}
