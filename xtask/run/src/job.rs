//! One call of `run`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use xtask_contract::{
    EnvName, Layout, Ledger, Progress, Record, ReleaseId, Repo, Result, Secret, Vouched,
    last_deployed::LastDeployed, ledger::Verified,
};

use crate::{Options, Ran, Status};

/// One call of `run`: all that the targets need of it.
pub struct Job<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The deploy.
    pub env: &'a EnvName,
    /// Its releases.
    pub ledger: &'a Ledger,
    /// The same, checked.
    pub vouched: &'a Vouched,
    /// The release that is to run.
    pub verified: &'a Verified,
    /// Its secrets, opened.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// Where its image is.
    pub layout: &'a Layout,
    /// How to go about it.
    pub options: &'a Options,
    /// Of how many releases the config stays where the deploy runs.
    pub keep: usize,
    /// Hears what is being done.
    pub progress: &'a dyn Progress,
    /// When the call began.
    pub started: Instant,
}

impl Job<'_> {
    /// Refuses a release that does not continue what the deploy has run, if it has run anything. A quick build continues
    /// nothing.
    pub fn check_last_deployed(&self, last_deployed: Option<&LastDeployed>) -> Result<()> {
        if self.verified.is_quick() {
            return Ok(());
        }
        self.check_history(last_deployed)?;
        last_deployed
            .map_or(Ok(()), |last_deployed| last_deployed.check_order(self.env, self.verified.release.id))
    }

    /// Refuses a ledger that does not hold what the deploy has run.
    pub fn check_history(&self, last_deployed: Option<&LastDeployed>) -> Result<()> {
        self.vouched.check_again(&Record::Known(last_deployed.cloned()))
    }

    /// What the deploy is to remember once the release has run.
    pub fn last_deployed(&self, before: Option<&LastDeployed>) -> LastDeployed {
        LastDeployed::of(&self.verified.release, self.verified.digest, before)
    }

    /// What the call has ended with; the release that ran before, and how long the migration took.
    pub fn ran(&self, status: Status, before: Option<ReleaseId>, migration: Duration) -> Ran {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let release = self.verified.release.id;
        Ran {
            release,
            env: self.env.clone(),
            status,
            url: self.verified.release.url().unwrap_or_default(),
            replaced: before.filter(|before| *before != release),
            elapsed_ms: millis(self.started.elapsed()),
            migration_ms: millis(migration),
            supervisor: None,
        }
    }
}
