//! Where a deploy stands, and whether that is what its release says.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde::Serialize;
use xtask_contract::{
    Deploy, EnvName, Identity, Ledger, ReleaseId, Repo, Result, Secret, ledger::Found, witness::Witness,
};

use crate::{Receipt, kubernetes, reach::Reach};

/// Where a deploy stands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The release that runs, if one does.
    pub release: Option<ReleaseId>,
    /// Since when: RFC 3339.
    pub since: Option<String>,
    /// Where it is reached, if that is known.
    pub url: Option<String>,
    /// Its process types.
    pub processes: Vec<ProcessStatus>,
    /// What there is unlike the release, a line each.
    pub drift: Vec<String>,
    /// Probes that fail, a line each.
    pub failing: Vec<String>,
    /// Who changes the deploy now, if anybody does.
    pub changing: Option<String>,
    /// The newest failure, if it came after the release that runs.
    pub failed: Option<Receipt>,
    /// What to do about the drift, where there is one thing to do.
    pub next: Option<String>,
    /// The newest release in the ledger, if it is a later one than that which runs.
    pub not_run_yet: Option<ReleaseId>,
}

/// A process type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// `web`.
    pub name: String,
    /// How many there are to be.
    pub wanted: u32,
    /// How many take requests.
    pub ready: u32,
    /// How often they were restarted, all together.
    pub restarts: u32,
    /// The processes themselves.
    pub pods: Vec<PodStatus>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodStatus {
    /// Its name.
    pub name: String,
    /// The release that it is of.
    pub release: String,
    /// The digest of the image that it was made from.
    pub image: String,
    /// The names of the config and secrets that it was given: made from their content.
    pub config: Vec<String>,
    /// Whether it takes requests.
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// Whether it is on its way out.
    pub ending: bool,
    /// Since when it is there: RFC 3339.
    pub since: Option<String>,
}

/// Looks at a deploy: on this machine or on its cluster. Nothing is changed, started or waited for.
pub async fn status(repo: &Repo, env: &EnvName) -> Result<Report> {
    let ledger = Ledger::of(repo, env);
    let ids = ledger.ids()?;
    let standing = crate::standing(repo, env).await?;
    let running = standing.witness.as_ref().filter(|witness| ids.contains(&witness.id));
    // What is not right with the ledger is told below; it does not keep anybody from looking.
    let found = running.and_then(|witness| ledger.look(witness.id).ok());
    let target = match &found {
        Some(found) => found.release.target.clone(),
        None => Deploy::read(repo, env)?.target,
    };
    let mut report = match Reach::of(&target) {
        None => local(repo, env).await?,
        Some(reach) => match reach.client_at_hand(repo).await? {
            Some(client) => {
                let run = run_command(env, standing.witness.as_ref(), ids.last());
                let values = found.as_ref().and_then(|found| opened(repo, found));
                kubernetes::report(&reach.site(&client, env), found.as_ref(), values.as_ref(), &run).await?
            }
            None => Report::default(),
        },
    };
    if let Some(release) = report.release {
        report.url = found.as_ref().and_then(|found| found.release.url());
        // What runs may have been stopped and started since it ran first.
        let ran = standing.history.ran(release).map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        report.since = report.since.max(ran);
    }
    // Also before anything has run: it is what `run` would refuse.
    let witness = standing.witness.as_ref();
    let checked =
        ledger.verify().and_then(|chain| witness.map_or(Ok(()), |witness| witness.check(&ledger, &chain)));
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
    let since = report.release.or(standing.witness.map(|witness| witness.id));
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
fn run_command(env: &EnvName, witness: Option<&Witness>, newest: Option<&ReleaseId>) -> String {
    match witness.filter(|witness| newest.is_some_and(|newest| *newest != witness.id)) {
        Some(witness) => format!("cargo xtask run {} --env {env}", witness.id),
        None => format!("cargo xtask run --env {env}"),
    }
}

/// What the `run` that is up tells of itself; of processes here the release is all that there is to compare.
async fn local(repo: &Repo, env: &EnvName) -> Result<Report> {
    let failed = crate::failure(repo, env)?;
    let Some(state) = crate::state(repo, env).await? else {
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
            name: process
                .pid
                .map_or_else(|| process.name.clone(), |pid| format!("{} (process {pid})", process.name)),
            release: state.release.map_or_else(String::new, |release| release.to_string()),
            image: String::new(),
            config: Vec::new(),
            ready: process.ready,
            restarts: process.restarts,
            ending: false,
            since: process.started.map(|started| started.to_rfc3339()),
        });
    }
    Ok(Report {
        release: state.release,
        since: state.since.map(|since| since.to_rfc3339_opts(SecondsFormat::Secs, true)),
        processes,
        changing: state.busy.map(|busy| busy.to_string()),
        failed,
        ..Report::default()
    })
}

impl Report {
    /// Whether the deploy is as its release says.
    pub fn is_in_step(&self) -> bool {
        self.drift.is_empty()
    }
}
