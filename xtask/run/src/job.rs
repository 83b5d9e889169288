//! One call of `run`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use xtask_contract::{
    EnvName, Layout, Ledger, Progress, Record, ReleaseId, Repo, Result, Secret, Vouched, ledger::Verified,
    witness::Witness,
};

use crate::{Options, Ran, Status};

/// One call of `run`: all that the targets need of it.
pub(crate) struct Job<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) env: &'a EnvName,
    pub(crate) ledger: &'a Ledger,
    pub(crate) vouched: &'a Vouched,
    pub(crate) verified: &'a Verified,
    pub(crate) secrets: &'a BTreeMap<String, Secret>,
    pub(crate) layout: &'a Layout,
    pub(crate) options: &'a Options,
    /// Of how many releases the config stays where the deploy runs.
    pub(crate) keep: usize,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) started: Instant,
}

impl Job<'_> {
    /// Refuses a release that does not continue what the deploy has run, if it has run anything.
    pub(crate) fn check_witness(&self, witness: Option<&Witness>) -> Result<()> {
        self.check_history(witness)?;
        witness.map_or(Ok(()), |witness| witness.check_order(self.env, self.verified.release.id))
    }

    /// Refuses a ledger that does not hold what the deploy has run.
    pub(crate) fn check_history(&self, witness: Option<&Witness>) -> Result<()> {
        self.vouched.check_again(&Record::Known(witness.cloned()))
    }

    pub(crate) fn witness(&self, before: Option<&Witness>) -> Witness {
        Witness::of(&self.verified.release, self.verified.digest, before)
    }

    pub(crate) fn ran(&self, status: Status, before: Option<ReleaseId>, migration: Duration) -> Ran {
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
