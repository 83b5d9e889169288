//! How many processes a local deploy has of each type.

use std::collections::BTreeMap;

use tokio::time::{self, Instant};
use xtask_contract::{EnvName, Error, Ledger, Progress, Repo, Result, ledger::Found, release::Process};
use xtask_run::{Amount, Formation, IfBusy, resolve};

use crate::{
    client,
    lock::{self, Lock},
    patience::{PATIENCE, PERIOD, does_not_answer},
    scale_file,
};

/// Changes how many processes there are, by way of the `run` that is up, or from the next one on.
pub(crate) async fn scale(
    repo: &Repo,
    env: &EnvName,
    requests: &BTreeMap<String, Amount>,
    if_busy: IfBusy,
    progress: &dyn Progress,
) -> Result<Formation> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(now) = client::scale(repo, env, requests, if_busy, progress).await? {
            return Ok(now);
        }
        if let Some(_lock) = Lock::try_take(repo, env, progress).await? {
            let (mut all, doubt) = next_formation(repo, env)?;
            if let Some(doubt) = doubt {
                return Err(doubt);
            }
            let counts = resolve(env, requests, &all)?;
            scale_file::note(&lock::folder(repo, env), &counts)?;
            all.extend(counts);
            return Ok(all);
        }
        if Instant::now() > deadline {
            return Err(does_not_answer(env));
        }
        time::sleep(PERIOD).await;
    }
}

/// How many processes there are of each type, or will be from the next `run` on.
pub(crate) async fn formation(repo: &Repo, env: &EnvName) -> Result<Formation> {
    let (mut all, _) = next_formation(repo, env)?;
    if let Some(state) = client::state(repo, env).await? {
        for count in all.values_mut() {
            *count = 0;
        }
        for process in state.processes {
            *all.entry(process.process_type).or_default() += 1;
        }
    }
    Ok(all)
}

/// What the next `run` starts: as many as was asked for last, or else as the release says; and why nothing may be decided
/// by that, if so.
fn next_formation(repo: &Repo, env: &EnvName) -> Result<(Formation, Option<Error>)> {
    let ledger = Ledger::of(repo, env);
    let release = match lock::last_deployed(repo, env)? {
        Some(last_deployed) => last_deployed.id,
        None => ledger.newest()?,
    };
    let Found { release, doubt, .. } = ledger.look(release)?;
    let processes = release.processes;
    let asked = scale_file::read(&lock::folder(repo, env))?;
    let count = |kind: &str, process: &Process| asked.get(kind).copied().unwrap_or(process.count);
    Ok((processes.iter().map(|(kind, process)| (kind.clone(), count(kind, process))).collect(), doubt))
}
