//! Stage 3, run: from one release to running processes, on this machine or on a cluster.
//!
//! Architecture invariants: nothing is compiled here, and no config is read but the release's. A deploy ends
//! up on the release asked for or stays on the one it was on.

#![expect(clippy::large_futures, reason = "one command, one future: its size does not matter")]

mod http;
mod kind;
mod local;
mod postgres_url;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::Serialize;
use xtask_contract::{
    Deploy, EnvName, Layout, Ledger, Progress, ReleaseId, Repo, Result,
    deploy::Target,
    ledger::Verified,
    release::Link,
    seal::{Identity, Secret},
    witness::Witness,
};

pub use kind::images::load as load_into_node;
pub use kind::nodes::{ExecOutput, Node, Nodes};
pub use local::scratch::with_postgres;

/// What `run` ended with.
#[derive(Debug, Clone, Serialize)]
pub struct Ran {
    /// The release that runs.
    pub release: ReleaseId,
    /// The deploy.
    pub env: EnvName,
    /// What was done for it.
    pub status: Status,
    /// Where the service answers.
    pub url: String,
    /// The release that ran before, if it was another one.
    pub replaced: Option<ReleaseId>,
    /// How long it took until the service answered, in milliseconds.
    pub elapsed_ms: u64,
    /// How much of that was the migration of the database.
    pub migration_ms: u64,
}

/// What was done to get a release running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Processes were started.
    Started,
    /// It ran already.
    Unchanged,
}

/// Runs a release, the deploy's newest one if none is named. A deploy of this machine stays in the foreground
/// until it is told to stop; `announce` hears when the service is ready, in either case.
pub async fn run(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    nodes: &impl Nodes,
    progress: &dyn Progress,
    announce: &dyn Fn(&Ran),
) -> Result<()> {
    let started = Instant::now();
    let ledger = Ledger::of(repo, env);
    let id = match id {
        Some(id) => id,
        // A deploy without releases may be one that does not exist at all.
        None => ledger.newest().map_err(|none| Deploy::read(repo, env).err().unwrap_or(none))?,
    };
    let chain = ledger.verify()?;
    let verified = ledger.load(id)?;
    let Verified { release, .. } = &verified;
    let layout = Layout::at(repo.images());
    layout.check_image(&release.image.digest)?;
    let secrets = open_secrets(repo, &verified)?;
    let job = Job {
        repo,
        env,
        ledger: &ledger,
        chain: &chain,
        verified: &verified,
        secrets: &secrets,
        layout: &layout,
        progress,
        started,
    };
    match &release.target {
        Target::Local {} => local::run(&job, announce).await,
        Target::Kind { cluster, namespace, port } => {
            let place = kind::Place { cluster, namespace, port: *port };
            announce(&kind::run(&job, &place, nodes).await?);
            Ok(())
        }
    }
}

/// Looks for all that would keep a release of this deploy from running, before the work of making one.
pub async fn preflight(repo: &Repo, env: &EnvName, nodes: &impl Nodes) -> Result<()> {
    let deploy = Deploy::read(repo, env)?;
    match &deploy.target {
        Target::Local {} => local::preflight(repo, env, &deploy),
        Target::Kind { cluster, .. } => kind::preflight(cluster, nodes).await,
    }
}

/// Stops what `run` started for a deploy; its data are kept unless `data`.
pub async fn down(
    repo: &Repo,
    env: &EnvName,
    data: bool,
    nodes: &impl Nodes,
    progress: &dyn Progress,
) -> Result<Down> {
    let deploy = Deploy::read(repo, env)?;
    let stopped = match &deploy.target {
        Target::Local {} => local::down(repo, env, data, progress).await?,
        Target::Kind { cluster, namespace, port } => {
            let place = kind::Place { cluster, namespace, port: *port };
            kind::down(repo, &place, data, nodes, progress).await?
        }
    };
    Ok(Down { env: env.clone(), stopped, data: if data { "deleted" } else { "kept" } })
}

/// What `down` ended with.
#[derive(Debug, Clone, Serialize)]
pub struct Down {
    /// The deploy.
    pub env: EnvName,
    /// Whether anything was running.
    pub stopped: bool,
    /// `kept` or `deleted`.
    pub data: &'static str,
}

/// One call of `run`: all that the targets need of it.
struct Job<'a> {
    repo: &'a Repo,
    env: &'a EnvName,
    ledger: &'a Ledger,
    chain: &'a [Link],
    verified: &'a Verified,
    secrets: &'a BTreeMap<String, Secret>,
    layout: &'a Layout,
    progress: &'a dyn Progress,
    started: Instant,
}

impl Job<'_> {
    /// Refuses a release that does not continue what the deploy has run, if it has run anything.
    fn check_witness(&self, witness: Option<&Witness>) -> Result<()> {
        let wanted = self.verified.release.id;
        witness.map_or(Ok(()), |witness| witness.check(self.ledger, self.chain, wanted))
    }

    fn witness(&self) -> Witness {
        Witness::of(&self.verified.release, self.verified.digest)
    }

    fn ran(&self, status: Status, url: String, before: Option<ReleaseId>, migration: Duration) -> Ran {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let release = self.verified.release.id;
        Ran {
            release,
            env: self.env.clone(),
            status,
            url,
            replaced: before.filter(|before| *before != release),
            elapsed_ms: millis(self.started.elapsed()),
            migration_ms: millis(migration),
        }
    }
}

fn open_secrets(repo: &Repo, verified: &Verified) -> Result<BTreeMap<String, Secret>> {
    let sealed = &verified.release.secrets;
    if sealed.is_empty() {
        return Ok(BTreeMap::new());
    }
    let identity = Identity::of_this_machine(repo)?;
    sealed.iter().map(|(name, sealed)| Ok((name.clone(), identity.open(name, sealed)?))).collect()
}
