//! What is kept of a release that failed to run.

use std::{fs, io, path::Path};

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use xtask_contract::{Context, Error, ReleaseId, Result, durable};

use crate::process_mark::ProcessMark;

/// A release that failed to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureRecord {
    /// The release.
    pub release: ReleaseId,
    /// When it failed.
    pub at: DateTime<Utc>,
    /// Who ran it: `alice@laptop (process 123)`.
    pub by: String,
    /// The name of the cause, if it has one: `exit_at_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What was being done.
    pub doing: String,
    /// Why it failed, with the last that was said.
    pub why: Vec<String>,
    /// The release that the deploy stands on since, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_on: Option<ReleaseId>,
}

/// The file of a local deploy.
const FILE: &str = "failed.toml";

impl FailureRecord {
    /// The failure of a release; where the deploy stands since, if that is known.
    pub fn of(release: ReleaseId, error: &Error, back_on: Option<ReleaseId>) -> Self {
        Self {
            release,
            at: Utc::now().trunc_subsecs(0),
            by: ProcessMark::of_this_process().holder(),
            cause: error.cause.clone(),
            doing: error.doing.clone(),
            why: error.why.clone(),
            back_on,
        }
    }

    /// The last failure of the local deploy with this folder, unless another release has run since.
    pub fn read(state: &Path) -> Result<Option<Self>> {
        let path = state.join(FILE);
        let doing = || format!("reading {}", path.display());
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => toml::from_str(&text.doing(doing)?).map(Some).doing(doing),
        }
    }

    /// Writes it there.
    pub fn keep(&self, state: &Path) -> Result<()> {
        let path = state.join(FILE);
        let doing = || format!("writing {}", path.display());
        durable::replace(&path, toml::to_string(self).doing(doing)?.as_bytes(), 0o644).doing(doing)
    }

    /// Deletes it there.
    pub fn forget(state: &Path) -> Result<()> {
        let path = state.join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .doing(|| format!("deleting {}", path.display()))
    }
}
