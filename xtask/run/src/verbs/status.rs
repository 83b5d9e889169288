//! Where a deploy stands, and whether that is what its release says.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use xtask_contract::{
    Deploy, EnvName, Identity, Ledger, Policy, ReleaseId, Repo, Result, Secret, last_deployed::LastDeployed,
    ledger::Found,
};

use super::deploy_state::{deploy_state, place};
use crate::{Asked, Backends, Report};

/// Looks at a deploy: on this machine or on its cluster. Nothing is changed, started or waited for.
pub async fn status(repo: &Repo, env: &EnvName, backends: &dyn Backends) -> Result<Report> {
    let ledger = Ledger::of(repo, env);
    let ids = ledger.ids()?;
    let (place, _) = place(repo, env)?;
    if backends.of(repo, env, &place)?.is_stopped().await? {
        return Ok(Report::default());
    }
    let deploy_state = deploy_state(repo, env, backends).await?;
    let running = deploy_state.last_deployed.as_ref().filter(|last_deployed| ids.contains(&last_deployed.id));
    // What is not right with the ledger is told below; it does not keep anybody from looking.
    let found = running.and_then(|last_deployed| ledger.look(last_deployed.id).ok());
    let target = match &found {
        Some(found) => found.release.target.clone(),
        None => Deploy::read(repo, env)?.target,
    };
    let run = run_command(env, deploy_state.last_deployed.as_ref(), ids.last());
    let values = found.as_ref().and_then(|found| opened(repo, found));
    let Policy { kinds, .. } = Policy::read(repo, env)?;
    let asked = Asked { found: found.as_ref(), values: values.as_ref(), kinds: &kinds, run: &run };
    let mut report = backends.of(repo, env, &target)?.status(&asked).await?;
    if report.url.is_none() && (report.release.is_some() || report.quick.is_some()) {
        report.url = found.as_ref().and_then(|found| found.release.url());
    }
    if let Some(release) = report.release {
        // What runs may have been stopped and started since it ran first.
        let ran = deploy_state.history.ran(release).map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        report.since = report.since.max(ran);
    }
    // Also before anything has run: it is what `run` would refuse.
    let last_deployed = deploy_state.last_deployed.as_ref();
    let checked = ledger
        .verify()
        .and_then(|chain| last_deployed.map_or(Ok(()), |last_deployed| last_deployed.check(&ledger, &chain)));
    if let Err(error) = checked {
        report.drift.extend(error.why.into_iter().map(|why| format!("{}: {why}", error.doing)));
        report.next = error.next;
    }
    if report.next.is_none() && report.processes.iter().any(|process| process.ready < process.wanted) {
        report.next = Some(format!("`cargo xtask logs --env {env}` shows what they say"));
    }
    if report.next.is_none() && !report.failing.is_empty() {
        report.next = Some(format!(
            "`cargo xtask logs --env {env}` shows what they say; a probe that errors asks for what is not there: see \
             k8s/objects"
        ));
    }
    let since = report.release.or(deploy_state.last_deployed.map(|last_deployed| last_deployed.id));
    report.failed = report.failed.filter(|failed| since.is_none_or(|since| failed.release > since));
    report.not_run_yet = ids.last().copied().filter(|newest| since.is_none_or(|since| *newest > since));
    Ok(report)
}

/// A release's secrets, where the identity at hand opens them, and they are what they were.
fn opened(repo: &Repo, found: &Found) -> Option<BTreeMap<String, Secret>> {
    match &found.release.secrets {
        _ if found.doubt.is_some() => None,
        None => Some(BTreeMap::new()),
        Some(sealed) => sealed.open_all(Identity::at_hand(repo).ok()?.as_ref()).ok(),
    }
}

/// The command that runs the release which runs already: by itself, `run` takes the newest.
fn run_command(env: &EnvName, last_deployed: Option<&LastDeployed>, newest: Option<&ReleaseId>) -> String {
    match last_deployed.filter(|last_deployed| newest.is_some_and(|newest| *newest != last_deployed.id)) {
        Some(last_deployed) => format!("cargo xtask run {} --env {env}", last_deployed.id),
        None => format!("cargo xtask run --env {env}"),
    }
}
