//! What a deploy was on before it was to be brought to something else, and goes back to if that fails.

use std::collections::BTreeMap;

use xtask_contract::{Digest, Identity, ReleaseId, Result, Secret, ledger::Verified};
use xtask_run::Job;

/// A quick build that ran: nobody else remembers it.
#[derive(Debug)]
pub(crate) struct QuickBuild {
    verified: Verified,
    secrets: BTreeMap<String, Secret>,
}

impl QuickBuild {
    /// The one that a call of `run` is for.
    pub(crate) fn of(job: &Job<'_>) -> Self {
        Self { verified: job.verified.clone(), secrets: job.secrets.clone() }
    }

    /// What its pods bear.
    pub(crate) fn mark(&self) -> String {
        self.verified.mark()
    }

    /// Its image.
    pub(crate) fn image(&self) -> Digest {
        self.verified.release.image.digest
    }
}

/// What a deploy was on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WasOn<'a> {
    Release(ReleaseId),
    Quick(&'a QuickBuild),
}

impl WasOn<'_> {
    /// What its pods bear.
    pub(crate) fn mark(self) -> String {
        match self {
            Self::Release(id) => id.to_string(),
            Self::Quick(build) => build.mark(),
        }
    }

    /// The release, if it was one.
    pub(crate) fn release(self) -> Option<ReleaseId> {
        match self {
            Self::Release(id) => Some(id),
            Self::Quick(_) => None,
        }
    }

    /// All of it, with its secrets.
    pub(crate) fn open(self, job: &Job<'_>) -> Result<(Verified, BTreeMap<String, Secret>)> {
        let id = match self {
            Self::Release(id) => id,
            Self::Quick(build) => return Ok((build.verified.clone(), build.secrets.clone())),
        };
        let verified = job.vouched.entry(id)?;
        let secrets = match &verified.release.secrets {
            None => BTreeMap::new(),
            Some(sealed) => sealed.open_all(Identity::at_hand(job.repo)?.as_ref())?,
        };
        Ok((verified, secrets))
    }
}
