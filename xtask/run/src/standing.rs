//! What a deploy remembers of its releases, and which one runs.

use serde::Serialize;
use xtask_contract::{ReleaseId, witness::Witness};

use crate::History;

/// Where a deploy stands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Standing {
    /// The newest release that has run, if any has.
    pub witness: Option<Witness>,
    /// The release that runs now, if one does.
    pub running: Option<ReleaseId>,
    /// What befell the releases so far.
    pub history: History,
}
