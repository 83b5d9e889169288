//! What a deploy remembers of its releases, and which one runs.

use serde::Serialize;
use xtask_contract::{ReleaseId, last_deployed::LastDeployed};

use crate::History;

/// The state of a deploy.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeployState {
    /// The newest release that has run, if any has.
    #[serde(rename = "witness")]
    pub last_deployed: Option<LastDeployed>,
    /// The release that runs now, if one does.
    pub running: Option<ReleaseId>,
    /// What befell the releases so far.
    pub history: History,
}
