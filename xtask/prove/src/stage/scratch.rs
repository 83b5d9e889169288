//! What is needed for a while.

use std::{
    fs,
    path::{Path, PathBuf},
};

use xtask_contract::{Context, Result, throw_away};

/// A folder that is deleted when this is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// It, empty.
    pub(super) fn empty(folder: PathBuf) -> Result<Self> {
        let doing = || format!("making {}", folder.display());
        throw_away::remove(&folder).and_then(|()| fs::create_dir_all(&folder)).doing(doing)?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is deleted by the next one.
        let _ = throw_away::remove(&self.0);
    }
}
