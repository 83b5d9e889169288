//! Whether a backing service is there.

use serde::Serialize;

/// Whether a backing service is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It takes connections.
    Up,
    /// It does not.
    Down,
    /// That cannot be told here and now.
    Unknown,
}

impl ServiceState {
    /// By whether it is up, if that was told in time.
    pub fn of(is_up: Option<bool>) -> Self {
        match is_up {
            Some(true) => Self::Up,
            Some(false) => Self::Down,
            None => Self::Unknown,
        }
    }
}
