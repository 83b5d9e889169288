//! The witness: a note of the newest release that a deploy has run, kept where the deploy runs and not in the
//! ledger. By it one can tell that the end of a ledger was cut off, or that all of it was made anew.

use serde::{Deserialize, Serialize};

use crate::{Digest, Error, Ledger, Release, ReleaseId, Result, release::Link};

/// The newest release that a deploy has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// The release.
    pub id: ReleaseId,
    /// Its place in the chain.
    pub sequence: u64,
    /// Its digest.
    pub digest: Digest,
}

impl Witness {
    /// The witness of a release.
    pub fn of(release: &Release, digest: Digest) -> Self {
        Self { id: release.id, sequence: release.sequence, digest }
    }

    /// Refuses a chain that does not hold what this has seen, and a release that is older.
    pub fn check(&self, ledger: &Ledger, chain: &[Link], wanted: ReleaseId) -> Result<()> {
        let env = ledger.env();
        let refuse = |why: String, next: String| {
            Err(Error::refused(format!("running {wanted} of {env}"), why).next(next))
        };
        let restore = format!(
            "restore releases/{env} (is this checkout up to date?); to start the deploy over instead, without its \
             data: `cargo xtask down --env {env} --data`"
        );
        let Self { id, digest, .. } = self;
        match chain.iter().find(|link| link.id == *id) {
            None => refuse(
                format!("the ledger lacks {id}, which this deploy has run: its end was cut off"),
                restore,
            ),
            Some(link) if link.digest != *digest => refuse(
                format!("the ledger's {id} is not the one that this deploy has run: it was made anew"),
                restore,
            ),
            Some(_) if wanted < *id => refuse(
                format!("it is older than {id}, which this deploy has run"),
                format!(
                    "`cargo xtask rollback --env {env} {wanted}` makes a new release like it, and runs that"
                ),
            ),
            Some(_) => Ok(()),
        }
    }
}
