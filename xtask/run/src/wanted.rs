//! Read-only checks before a deploy.

use std::{collections::BTreeMap, time::Instant};

use xtask_contract::{
    EnvName, Identity, Layout, Policy, Progress, Record, ReleaseId, Repo, Result, Secret, Vouched,
    ledger::Verified,
};

use crate::{Options, job::Job};

/// A release that may run: verified, signed as the deploy's rules ask, its image here, its secrets open.
pub struct Wanted {
    /// The ledger, checked.
    pub vouched: Vouched,
    /// The release.
    pub verified: Verified,
    /// Its secrets, opened.
    pub secrets: BTreeMap<String, Secret>,
    /// Where its image is.
    pub layout: Layout,
    /// Of how many releases the config stays where the deploy runs.
    pub keep: usize,
    /// When the check began.
    pub started: Instant,
}

impl Wanted {
    /// `record` is what the deploy has run. Where it cannot be asked yet, it is when it can.
    pub fn check(repo: &Repo, env: &EnvName, id: ReleaseId, record: &Record) -> Result<Self> {
        let started = Instant::now();
        let vouched = Vouched::of(repo, env, Policy::read(repo, env)?, record)?;
        let verified = vouched.release(id)?;
        let keep = vouched.policy().keep.get().try_into().unwrap_or(usize::MAX);
        let layout = Layout::at(repo.images());
        layout.check_image(&verified.release.image.digest)?;
        let secrets = open_secrets(repo, &verified)?;
        Ok(Self { vouched, verified, secrets, layout, keep, started })
    }

    /// A quick build that may run, whose image is in this layout.
    pub fn quick(
        repo: &Repo,
        env: &EnvName,
        verified: Verified,
        layout: Layout,
        record: &Record,
    ) -> Result<Self> {
        let started = Instant::now();
        let vouched = Vouched::of(repo, env, Policy::read(repo, env)?, record)?;
        let secrets = open_secrets(repo, &verified)?;
        Ok(Self { vouched, verified, secrets, layout, keep: usize::MAX, started })
    }

    /// The call of `run` for it.
    pub fn job<'a>(
        &'a self,
        repo: &'a Repo,
        env: &'a EnvName,
        options: &'a Options,
        progress: &'a dyn Progress,
    ) -> Job<'a> {
        let Self { vouched, verified, secrets, layout, started, keep } = self;
        let (keep, started, ledger) = (*keep, *started, vouched.ledger());
        Job { repo, env, ledger, vouched, verified, secrets, layout, options, keep, progress, started }
    }
}

fn open_secrets(repo: &Repo, verified: &Verified) -> Result<BTreeMap<String, Secret>> {
    match &verified.release.secrets {
        None => Ok(BTreeMap::new()),
        Some(sealed) => sealed.open_all(Identity::at_hand(repo)?.as_ref()),
    }
}
