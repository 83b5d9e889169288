//! `run` of a local deploy: in the foreground, with all of its processes, or by way of the `run` that is up.

use std::future;

use tokio::time::{self, Instant};
use xtask_contract::{Context, Error, Result};
use xtask_run::{Job, Ran};

use crate::{
    child, client,
    holder::Holder,
    lock::Lock,
    patience::{PATIENCE, PERIOD, does_not_answer},
    stop::Stop,
    supervisor,
    task_set::task_set,
};

/// Runs the release until SIGINT or SIGTERM, or has the `run` that is up take it over.
pub(crate) async fn run(job: &Job<'_>, announce: &dyn Fn(&Ran)) -> Result<()> {
    let mut stop = Stop::listen()?;
    // Before the locks, which children hold on to.
    let _reserved = child::reserve_listen_fd().doing(|| "starting up")?;
    let release = job.verified.release.id;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(lock) =
            unless_stopped(job, &mut stop, Lock::try_take(job.repo, job.env, job.progress)).await?
        {
            return supervise(job, &lock, &mut stop, announce).await;
        }
        let asked = tokio::select! {
            biased;
            () = stop.asked() => return Err(gave_up(job)),
            asked = client::run(job.repo, job.env, release, job.options, job.progress) => asked?,
        };
        if let Some(ran) = asked {
            announce(&ran);
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(does_not_answer(job.env));
        }
        // It is just starting or ending, which it announces to nobody.
        time::sleep(PERIOD).await;
    }
}

/// Keeps the deploy running: first this release, then what is asked for.
async fn supervise(job: &Job<'_>, lock: &Lock, stop: &mut Stop, announce: &dyn Fn(&Ran)) -> Result<()> {
    let deploy = (job.repo, job.env, job.progress);
    supervisor::while_up(deploy, lock, async |supervisor, control| {
        let first = async {
            let change_lock = supervisor.change(Holder::myself(job.verified.release.id)).await;
            announce(&supervisor.run(&change_lock, job).await?);
            drop(change_lock);
            future::pending().await
        };
        let (answers, answered) = task_set();
        tokio::select! {
            biased;
            () = stop.asked() => {
                if !supervisor.runs() {
                    return Err(interrupted(job));
                }
                job.progress.note("stopping …");
                Ok(())
            }
            result = first => result,
            () = supervisor.serve(control, &answers) => Ok(()),
            () = answered => Ok(()),
        }
    })
    .await
}

/// Does a part of the start, unless a signal comes first.
async fn unless_stopped<T>(
    job: &Job<'_>,
    stop: &mut Stop,
    part: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = stop.asked() => Err(interrupted(job)),
        result = part => result,
    }
}

fn gave_up(job: &Job<'_>) -> Error {
    let doing = format!("running {}", job.verified.release.id);
    Error::failed(doing, "this command was stopped; if it had begun, the `run` that is up goes on without it")
        .next("the same command tells how that went")
}

fn interrupted(job: &Job<'_>) -> Error {
    Error::failed(format!("running {}", job.verified.release.id), "it was stopped before it was ready")
        .next("nothing is left running; the same command starts it again")
}
