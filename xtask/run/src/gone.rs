//! What is gone after a deploy was stopped.

use serde::Serialize;
use xtask_contract::EnvName;

/// What `down` ended with.
#[derive(Debug, Clone, Serialize)]
pub struct Down {
    /// The deploy.
    pub env: EnvName,
    /// Whether anything was running.
    pub stopped: bool,
    /// What became of its data.
    pub data: Data,
    /// What goes on or stays all the same, and why; a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}

/// What became of the data of a deploy's own server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// They stay.
    Kept,
    /// They are no more.
    Deleted,
    /// It has none of its own here.
    None,
}

/// What a backend has stopped and deleted.
#[derive(Debug, Default)]
pub struct Gone {
    /// Whether anything was running.
    pub stopped: bool,
    /// Whether data of the deploy's own were deleted.
    pub data: bool,
    /// What is left though it might be thought to be gone, and why.
    pub left: Vec<String>,
}
