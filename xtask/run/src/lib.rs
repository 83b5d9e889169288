//! Stage 3, run: from one release to running processes, on this machine or on a cluster.
//!
//! Architecture invariants: nothing is compiled here, and no config is read but the release's; what it takes to
//! start a backing service without one is handed in ([`services`]). A deploy ends up on the release asked for or
//! stays on the one it was on.

#![expect(clippy::large_futures, reason = "one command, one future: its size does not matter")]

mod admin;
mod down;
mod history;
mod http;
mod job;
mod kind;
mod kubernetes;
mod local;
pub mod logging;
pub mod logs;
mod options;
mod ports;
mod postgres_url;
mod process_mark;
mod proxy;
mod reach;
mod receipt;
pub mod registry;
mod remote;
mod scale;
pub mod services;
mod signals;
mod standing;
mod status;
mod wanted;

use serde::{Deserialize, Serialize};
use xtask_contract::{
    Deploy, EnvName, Error, Ledger, Progress, ReleaseId, Repo, Result, Vouched, progress::Silent,
};

pub use admin::{Console, admin};
pub use down::{Data, Down, down, losses};
pub use history::{Fate, History};
use job::Job;
pub use kind::images::load as load_into_node;
pub use kind::nodes::{ExecOutput, Node, Nodes};
pub use kubernetes::Change;
pub use local::{
    client::{ProcessState, State},
    control::Holder,
    postgres_programs,
    scratch::with_postgres,
};
pub use logs::logs;
pub use options::{IfBusy, Options, Timing};
use reach::Reach;
pub use receipt::Receipt;
pub use scale::{Amount, Formation, Wish, formation, in_words, resolve, scale};
use signals::interrupted;
pub use standing::{Standing, standing, standings};
pub use status::{PodStatus, ProcessStatus, Report, status};
use wanted::Wanted;

/// What `run` ended with.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// The process of the `run` that was up already and keeps it running, for a deploy of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<u32>,
}

/// What was done to get a release running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Processes were started.
    Started,
    /// It ran already.
    Unchanged,
}

/// Runs a release, the deploy's newest one if none is named. A deploy of this machine stays in the foreground
/// until it is told to stop, unless a `run` of it is up already, which then takes the release over; `announce` hears
/// when the service is ready, in either case.
pub async fn run(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    options: &Options,
    nodes: &impl Nodes,
    progress: &dyn Progress,
    announce: &dyn Fn(&Ran),
) -> Result<()> {
    let record = standing::record(repo, env).await;
    let wanted = Wanted::check(repo, env, newest_if_none(repo, env, id)?, &record)?;
    let job = wanted.job(repo, env, options, progress);
    let ran = match Reach::of(&wanted.verified.release.target) {
        None => {
            options.tell_what_only_clusters_heed(progress);
            return local::run(&job, announce).await;
        }
        Some(Reach::Kind(place)) => kind::run(&job, &place, nodes).await?,
        Some(Reach::Remote(place)) => remote::run(&job, &place).await?,
    };
    announce(&ran);
    Ok(())
}

/// The release that is named, or the newest. A deploy without releases may be one that does not exist at all.
fn newest_if_none(repo: &Repo, env: &EnvName, id: Option<ReleaseId>) -> Result<ReleaseId> {
    match id {
        Some(id) => Ok(id),
        None => Ledger::of(repo, env).newest().map_err(|none| Deploy::read(repo, env).err().unwrap_or(none)),
    }
}

/// What running a release would change on its cluster: each object before and after. Nothing is changed.
pub async fn changes(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    options: &Options,
) -> Result<Vec<Change>> {
    let record = standing::record(repo, env).await;
    let wanted = Wanted::check(repo, env, newest_if_none(repo, env, id)?, &record)?;
    let release = &wanted.verified.release;
    let Some(reach) = Reach::of(&release.target) else {
        let doing = format!("comparing {} with {env}", release.id);
        return Err(Error::usage(doing, "there is no cluster to compare it with")
            .next(format!("`cargo xtask releases diff --env {env}` compares two releases")));
    };
    let client = reach.client_at_hand(repo).await?;
    let site = client.as_ref().map(|client| reach.site(client, env));
    kubernetes::changes(&wanted.job(repo, env, options, &Silent), site.as_ref()).await
}

/// Refuses if a release like this one could not run now: what `run` looks at before it does anything. Nothing is changed
/// or started.
pub async fn could_run(
    repo: &Repo,
    env: &EnvName,
    id: ReleaseId,
    options: &Options,
    nodes: &impl Nodes,
) -> Result<()> {
    let wanted = Wanted::check(repo, env, id, &standing::record(repo, env).await)?;
    let job = wanted.job(repo, env, options, &Silent);
    match Reach::of(&wanted.verified.release.target) {
        None => local::could_run(&job).await,
        Some(Reach::Kind(place)) => kind::could_run(&job, &place, nodes).await,
        Some(Reach::Remote(place)) => remote::could_run(&job, &place).await,
    }
}

/// Looks for all that would keep a release of this deploy from running, before the work of making one.
pub async fn preflight(repo: &Repo, env: &EnvName, nodes: &impl Nodes) -> Result<()> {
    let deploy = Deploy::read(repo, env)?;
    Vouched::of(repo, env, &standing::record(repo, env).await)?;
    match Reach::of(&deploy.target) {
        None => local::preflight(repo, env, &deploy).await,
        Some(Reach::Kind(place)) => kind::preflight(&place, nodes).await,
        Some(Reach::Remote(place)) => remote::preflight(&place).await,
    }
}

/// How a deploy of this machine is, if a `run` of it is up. This waits for nobody and keeps nobody waiting.
pub async fn state(repo: &Repo, env: &EnvName) -> Result<Option<State>> {
    local::client::state(repo, env).await
}

/// The last release that was to run in a deploy of this machine and could not, unless another one has run since.
pub fn failure(repo: &Repo, env: &EnvName) -> Result<Option<Receipt>> {
    local::failure(repo, env)
}
