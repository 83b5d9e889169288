//! What a release would change where it runs.

use serde::Serialize;

/// An object as it is and as it would be, as YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `deployment/web`.
    pub object: String,
    /// What it is now; nothing, if it is not there.
    pub before: Option<String>,
    /// What it would be; nothing, if it would be deleted.
    pub after: Option<String>,
}
