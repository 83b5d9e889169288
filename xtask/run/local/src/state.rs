//! How a local deploy is while it runs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use xtask_contract::ReleaseId;

use crate::holder::Holder;

/// The state of a local deploy that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The process that keeps it running.
    pub supervisor: u32,
    /// The release that runs; none during the first start.
    pub release: Option<ReleaseId>,
    /// Whether it is a quick build, of which no ledger knows.
    #[serde(default)]
    pub quick: bool,
    /// Where it is reached, if that is known.
    #[serde(default)]
    pub url: Option<String>,
    /// Since when it does.
    pub since: Option<DateTime<Utc>>,
    /// Who is changing it just now.
    pub busy: Option<Holder>,
    /// Its processes.
    pub processes: Vec<ProcessState>,
}

/// How a process is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// Its name, such as `web.1`.
    pub name: String,
    /// Its process type, such as `web`.
    pub process_type: String,
    /// Its ID, unless it has crashed and is not started again yet.
    pub pid: Option<u32>,
    /// Whether it takes requests.
    pub ready: bool,
    /// How often it was started again.
    pub restarts: u32,
    /// When it was started last.
    pub started: Option<DateTime<Utc>>,
}
