//! What can be seen of a deploy, and whether that is what its release says.

use serde::Serialize;
use xtask_contract::ReleaseId;

use crate::FailureRecord;

/// Where a deploy stands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The release that runs, if one does.
    pub release: Option<ReleaseId>,
    /// What runs in the place of a release, if something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quick: Option<String>,
    /// Since when: RFC 3339.
    pub since: Option<String>,
    /// Where it is reached, if that is known.
    pub url: Option<String>,
    /// Its process types.
    pub processes: Vec<ProcessStatus>,
    /// What there is unlike the release, a line each.
    pub drift: Vec<String>,
    /// Probes that fail, a line each.
    pub failing: Vec<String>,
    /// Who changes the deploy now, if anybody does.
    pub changing: Option<String>,
    /// The newest failure, if it came after the release that runs.
    pub failed: Option<FailureRecord>,
    /// What to do about the drift, where there is one thing to do.
    pub next: Option<String>,
    /// The newest release in the ledger, if it is a later one than that which runs.
    pub not_run_yet: Option<ReleaseId>,
}

/// A process type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// `web`.
    pub name: String,
    /// How many there are to be.
    pub wanted: u32,
    /// How many take requests.
    pub ready: u32,
    /// How often they were restarted, all together.
    pub restarts: u32,
    /// The processes themselves.
    pub pods: Vec<PodStatus>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodStatus {
    /// Its name.
    pub name: String,
    /// Its number on this machine, of one that runs here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The release that it is of.
    pub release: String,
    /// The digest of the image that it was made from.
    pub image: String,
    /// The names of the config and secrets that it was given: made from their content.
    pub config: Vec<String>,
    /// Whether it takes requests.
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// Whether it is on its way out.
    pub ending: bool,
    /// Since when it is there: RFC 3339.
    pub since: Option<String>,
}

impl Report {
    /// Whether the deploy is as its release says.
    pub fn is_in_step(&self) -> bool {
        self.drift.is_empty()
    }
}
