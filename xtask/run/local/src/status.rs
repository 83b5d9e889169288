//! What a local deploy tells of itself.

use chrono::SecondsFormat;
use xtask_contract::{EnvName, Repo, Result};
use xtask_run::{DeployState, FailureRecord, PodStatus, ProcessStatus, Report};

use crate::{client, lock};

/// What the `run` that is up tells of itself; of processes here the release is all that there is to compare.
pub(crate) async fn status(repo: &Repo, env: &EnvName) -> Result<Report> {
    let failed = failure(repo, env)?;
    let Some(state) = client::state(repo, env).await? else {
        return Ok(Report { failed, ..Report::default() });
    };
    let mut processes: Vec<ProcessStatus> = Vec::new();
    for process in state.processes {
        if !processes.iter().any(|known| known.name == process.process_type) {
            let (name, pods) = (process.process_type.clone(), Vec::new());
            processes.push(ProcessStatus { name, wanted: 0, ready: 0, restarts: 0, pods });
        }
        let Some(of_type) = processes.iter_mut().find(|known| known.name == process.process_type) else {
            continue;
        };
        of_type.wanted += 1;
        of_type.ready += u32::from(process.ready);
        of_type.restarts += process.restarts;
        of_type.pods.push(PodStatus {
            pid: process.pid,
            name: process
                .pid
                .map_or_else(|| process.name.clone(), |pid| format!("{} (process {pid})", process.name)),
            release: match state.release {
                Some(release) if !state.quick => release.to_string(),
                _ => String::new(),
            },
            image: String::new(),
            config: Vec::new(),
            ready: process.ready,
            restarts: process.restarts,
            ending: false,
            since: process.started.map(|started| started.to_rfc3339()),
        });
    }
    let quick = state.quick.then(|| format!("a quick build of the work tree (process {})", state.supervisor));
    Ok(Report {
        release: state.release.filter(|_| !state.quick),
        quick,
        url: state.url,
        since: state.since.map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true)),
        processes,
        changing: state.busy.map(|busy| busy.to_string()),
        failed,
        ..Report::default()
    })
}

/// The state of a local deploy: the last release that ran, the one that runs, and the history.
pub(crate) async fn deploy_state(repo: &Repo, env: &EnvName) -> Result<DeployState> {
    let (last_deployed, history) = (lock::last_deployed(repo, env)?, lock::history(repo, env)?);
    let state = client::state(repo, env).await?;
    let running = state.filter(|state| !state.quick).and_then(|state| state.release);
    Ok(DeployState { last_deployed, running, history })
}

/// The last take-over, if it failed.
pub fn failure(repo: &Repo, env: &EnvName) -> Result<Option<FailureRecord>> {
    FailureRecord::read(&lock::folder(repo, env))
}
