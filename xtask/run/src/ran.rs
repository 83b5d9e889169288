//! What `run` ended with.

use serde::{Deserialize, Serialize};
use xtask_contract::{EnvName, ReleaseId};

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
    /// The process of the `run` that was up already and keeps it running, for a local deploy.
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

/// Hears when the service is ready.
pub type Announce<'a> = dyn Fn(&Ran) + 'a;
