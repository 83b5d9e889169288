//! What a place where deploys run does for this stage: this machine, a kind cluster, any Kubernetes cluster.
//!
//! Each method is for one deploy, whose repository, name and target the backend was made with. What all backends do
//! alike (looking at the ledger before, telling the outcome after) is not theirs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use xtask_contract::{
    Deploy, EnvName, ObjectKind, Progress, Record, Repo, Result, Secret,
    deploy::{Postgres, Target},
    ledger::{Found, Verified},
};

use crate::{
    Amount, Announce, Change, Console, DeployState, DevLoop, Formation, Gone, IfBusy, Job, PostgresUrl,
    Report, Status,
    dev::no_quick_builds,
    logs::{Query, Sink},
};

/// Turns targets into backends. There is one implementation for each program: which backends it has is what it links.
pub trait Backends {
    /// The backend for a deploy with this target.
    fn of<'a>(
        &'a self,
        repo: &'a Repo,
        env: &'a EnvName,
        target: &'a Target,
    ) -> Result<Box<dyn Backend + 'a>>;
}

/// A place where a deploy runs.
#[async_trait(?Send)]
pub trait Backend: Services + Shipper {
    /// Looks for all that would keep a release of this deploy from running, before one is made.
    async fn preflight(&self, deploy: &Deploy) -> Result<()>;

    /// Refuses a release like which none could run now. Nothing is changed or started.
    async fn could_run(&self, job: &Job<'_>) -> Result<()>;

    /// Brings the deploy to the release. `announce` hears when the service is ready; a local deploy then stays in the
    /// foreground until it is told to stop.
    async fn run(&self, job: &Job<'_>, announce: &Announce<'_>) -> Result<()>;

    /// Runs quick builds one after another, in the foreground until the loop ends or is told to stop.
    async fn dev(&self, _: &mut dyn DevLoop, _: &dyn Progress) -> Result<()> {
        Err(no_quick_builds())
    }

    /// What running the release would change: each object before and after. Nothing is changed.
    async fn changes(&self, job: &Job<'_>) -> Result<Vec<Change>>;

    /// Whether the place itself is stopped: nothing runs there then, and nothing can be asked.
    async fn is_stopped(&self) -> Result<bool> {
        Ok(false)
    }

    /// What the deploy remembers of its releases, and which one runs. Nothing is started or waited for.
    async fn deploy_state(&self) -> Result<DeployState>;

    /// The deploy's processes, and what is unlike the release. Nothing is changed, started or waited for.
    async fn status(&self, asked: &Asked<'_>) -> Result<Report>;

    /// How many processes there are of each type; of a deploy that is down: how many its next `run` starts.
    async fn formation(&self) -> Result<Formation>;

    /// Has as many processes of these types as this, now and over all releases to come. No request is lost. What an
    /// autoscaler owns is refused.
    async fn scale(
        &self,
        requests: &BTreeMap<String, Amount>,
        if_busy: IfBusy,
        progress: &dyn Progress,
    ) -> Result<Formation>;

    /// Shows what the deploy's processes have written. Nothing is changed or started.
    async fn logs(&self, query: &Query, sink: &mut dyn Sink) -> Result<()>;

    /// Runs the image's program once, with the environment that a release gives to its processes. Gives back its exit
    /// code; a local deploy's takes the place of this process, and nothing is given back.
    async fn admin(
        &self,
        process: &OneOff<'_>,
        console: &mut dyn Console,
        progress: &dyn Progress,
    ) -> Result<u8>;

    /// What [`Backend::down`] would delete with the data, a line each; none, if there is nothing.
    async fn losses(&self) -> Result<Vec<String>>;

    /// Stops all of the deploy's processes and its own services, under the deploy's lock, and returns when they have
    /// ended. Data, config and what is remembered of its releases stay, unless `data`. What others may use stays.
    async fn down(&self, deploy: &Deploy, data: bool, progress: &dyn Progress) -> Result<Gone>;
}

/// What [`Backend::status`] holds the deploy against.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The release that the deploy is to be on, if that is known.
    pub found: Option<&'a Found>,
    /// Its secrets, where they can be opened here.
    pub values: Option<&'a BTreeMap<String, Secret>>,
    /// The kinds of objects that the deploy's rules allow beside the usual ones.
    pub kinds: &'a [ObjectKind],
    /// The command that runs it again.
    pub run: &'a str,
}

/// A one-off process that is wanted.
#[derive(Clone, Copy)]
pub struct OneOff<'a> {
    /// The release whose image, config and secrets it has.
    pub verified: &'a Verified,
    /// The kinds of objects that the deploy's rules allow beside the usual ones.
    pub kinds: &'a [ObjectKind],
    /// What the deploy has run.
    pub record: &'a Record,
    /// The program's arguments.
    pub args: &'a [String],
}

/// A deploy's own PostgreSQL server, by itself: started and stopped without a release.
#[async_trait(?Send)]
pub trait Services {
    /// Starts the server and waits until it takes connections. It stays when this returns.
    async fn start_postgres(&self, own: &OwnPostgres<'_>, progress: &dyn Progress) -> Result<Status>;

    /// Stops the server. Its data stay, unless `data`.
    async fn stop_postgres(&self, data: bool, progress: &dyn Progress) -> Result<Gone>;

    /// What [`Services::stop_postgres`] would delete with the data, a line each; none, if there is nothing.
    fn postgres_losses(&self) -> Vec<String>;

    /// Whether the server takes connections now.
    async fn postgres_is_up(&self) -> Result<bool>;
}

/// What it takes to start a deploy's own PostgreSQL server.
#[derive(Clone, Copy)]
pub struct OwnPostgres<'a> {
    /// Its table in the deploy's file.
    pub postgres: &'a Postgres,
    /// Its URL.
    pub url: &'a PostgresUrl,
    /// Its Kubernetes objects, for a target that has them.
    pub objects: Option<&'a str>,
}

/// A deploy's log shipper, by itself.
#[async_trait(?Send)]
pub trait Shipper {
    /// Starts the shipper with this image and these rendered objects, and waits until it reads on each node.
    async fn start_shipper(&self, image: &str, objects: &str, progress: &dyn Progress) -> Result<Status>;

    /// Stops the shipper and tells whether there was one.
    async fn stop_shipper(&self, progress: &dyn Progress) -> Result<bool>;

    /// Whether it reads on each node.
    async fn shipper_is_up(&self) -> Result<bool>;
}
