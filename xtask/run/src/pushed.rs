//! What came of a push.

use serde::Serialize;

/// What came of a push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// How many blobs and manifests were sent.
    pub sent: usize,
    /// How many were there already. Of a manifest that is there, so are the blobs, and they are not asked for.
    pub there: usize,
    /// How many bytes were sent.
    pub bytes: u64,
}
