//! The last-deployed record: a note of the newest release that a deploy has run, kept where the deploy runs and not in the
//! ledger. By it one can tell that the end of a ledger was cut off, or that all of it was made anew.

use serde::{Deserialize, Serialize};

use crate::{Digest, EnvName, Error, Ledger, Release, ReleaseId, Result, chain::Entry};

/// The newest release that a deploy has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastDeployed {
    /// The release.
    pub id: ReleaseId,
    /// Its place in the chain.
    pub sequence: u64,
    /// Its digest.
    pub digest: Digest,
    /// The images that have run, the newest last: what may be promoted from here.
    pub images: Vec<Digest>,
}

/// How many images are remembered.
const IMAGES: usize = 100;

impl LastDeployed {
    /// The last-deployed record of a release that runs now, after what ran before.
    pub fn of(release: &Release, digest: Digest, before: Option<&Self>) -> Self {
        let image = release.image.digest;
        let mut images = before.map_or_else(Vec::new, |before| before.images.clone());
        images.retain(|known| *known != image);
        images.push(image);
        images.drain(..images.len().saturating_sub(IMAGES));
        Self { id: release.id, sequence: release.sequence, digest, images }
    }

    /// Refuses a chain that does not hold what this has seen.
    pub fn check(&self, ledger: &Ledger, chain: &[Entry]) -> Result<()> {
        let (env, id) = (ledger.env(), self.id);
        let why = match chain.iter().find(|entry| entry.link.id == id) {
            Some(entry) if entry.link.digest == self.digest => return Ok(()),
            Some(_) => format!("its {id} is not the one that this deploy has run: it was made anew"),
            None => format!("it lacks {id}, which this deploy has run: its end was cut off"),
        };
        Err(Error::refused(format!("verifying the ledger of {env}"), why).next(format!(
            "restore releases/{env} (is this checkout up to date?); to start the deploy over instead, without its \
             data: `cargo xtask down --env {env} --data`"
        )))
    }

    /// Refuses to run a release that is older than this.
    pub fn check_order(&self, env: &EnvName, wanted: ReleaseId) -> Result<()> {
        if wanted >= self.id {
            return Ok(());
        }
        let why = format!("it is older than {}, which this deploy has run", self.id);
        Err(Error::refused(format!("running {wanted} of {env}"), why).next(format!(
            "`cargo xtask rollback --env {env} {wanted}` makes a new release like it, and runs that"
        )))
    }
}
