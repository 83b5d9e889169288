//! A release that is to run: what is looked at before anything is done for it.

use std::{collections::BTreeMap, time::Instant};

use xtask_contract::{
    EnvName, Identity, Layout, Ledger, Policy, Progress, ReleaseId, Repo, Result, Secret, chain::Entry,
    ledger::Verified,
};

use crate::{Options, job::Job};

/// A release that is as it was made, and signed as the deploy's rules ask.
pub(crate) struct Vouched {
    pub(crate) ledger: Ledger,
    pub(crate) chain: Vec<Entry>,
    pub(crate) verified: Verified,
    pub(crate) policy: Policy,
}

pub(crate) fn vouched(repo: &Repo, env: &EnvName, id: ReleaseId) -> Result<Vouched> {
    let ledger = Ledger::of(repo, env);
    let chain = ledger.verify()?;
    let verified = ledger.load(id)?;
    let policy = Policy::read(repo, env)?;
    check_signatures(&policy, &ledger, &chain, &verified)?;
    Ok(Vouched { ledger, chain, verified, policy })
}

/// A release that may run: verified, signed as the deploy's rules ask, its image here, its secrets open.
pub(crate) struct Wanted {
    pub(crate) ledger: Ledger,
    pub(crate) chain: Vec<Entry>,
    pub(crate) verified: Verified,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) layout: Layout,
    /// Of how many releases the config stays where the deploy runs.
    pub(crate) keep: usize,
    pub(crate) started: Instant,
}

impl Wanted {
    pub(crate) fn check(repo: &Repo, env: &EnvName, id: ReleaseId) -> Result<Self> {
        let started = Instant::now();
        let Vouched { ledger, chain, verified, policy } = vouched(repo, env, id)?;
        let keep = policy.keep.get().try_into().unwrap_or(usize::MAX);
        let layout = Layout::at(repo.images());
        layout.check_image(&verified.release.image.digest)?;
        let secrets = open_secrets(repo, &verified)?;
        Ok(Self { ledger, chain, verified, secrets, layout, keep, started })
    }

    pub(crate) fn job<'a>(
        &'a self,
        repo: &'a Repo,
        env: &'a EnvName,
        options: &'a Options,
        progress: &'a dyn Progress,
    ) -> Job<'a> {
        let Self { ledger, chain, verified, secrets, layout, started, keep } = self;
        let (keep, started) = (*keep, *started);
        Job { repo, env, ledger, chain, verified, secrets, layout, options, keep, progress, started }
    }
}

/// Whoever signed the newest release vouches for the chain below it, and so for this one's being part of it.
fn check_signatures(policy: &Policy, ledger: &Ledger, chain: &[Entry], wanted: &Verified) -> Result<()> {
    if let Some(newest) = chain.last().filter(|newest| newest.link.id != wanted.release.id) {
        policy.check_signature(&ledger.load(newest.link.id)?)?;
    }
    policy.check_signature(wanted)
}

fn open_secrets(repo: &Repo, verified: &Verified) -> Result<BTreeMap<String, Secret>> {
    match &verified.release.secrets {
        None => Ok(BTreeMap::new()),
        Some(sealed) => sealed.open_all(Identity::at_hand(repo)?.as_ref()),
    }
}
