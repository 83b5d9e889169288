//! What the pages of a quick build are to show, in a file that its processes look at.

use std::path::{Path, PathBuf};

use xtask_contract::{Context, Result, durable, service::NOTICE_FILE};

/// Where it is, of a deploy with this folder.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(NOTICE_FILE)
}

/// Puts it there; an empty one is none.
pub(crate) fn show(folder: &Path, notice: &str) -> Result<()> {
    let path = path(folder);
    durable::replace(&path, notice.as_bytes(), 0o644).doing(|| format!("writing {}", path.display()))
}
