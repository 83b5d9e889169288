//! What is needed for a while.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use xtask_contract::{Context, Error, Result, durable, throw_away};

/// A folder that is deleted when this is dropped. Nobody else has it meanwhile; one who was killed may have left something in
/// it.
pub(super) struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// It, as it was left.
    ///
    /// # Errors
    ///
    /// When somebody else has it.
    pub(super) fn held(folder: PathBuf) -> Result<Self> {
        let doing = || format!("making {}", folder.display());
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).doing(doing)?;
        }
        let lock = durable::lock_file(&folder.with_extension("lock")).doing(doing)?;
        if lock.try_lock().is_err() {
            return Err(Error::refused(doing(), "another `cargo xtask prove` of this deploy is at work")
                .next("wait until it has ended"));
        }
        Ok(Self { folder, _lock: lock })
    }

    /// Empties it.
    pub(super) fn empty(self) -> Result<Self> {
        let emptied = throw_away::remove(&self.folder).and_then(|()| fs::create_dir_all(&self.folder));
        emptied.doing(|| format!("emptying {}", self.folder.display()))?;
        Ok(self)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is deleted by the next one.
        let _ = throw_away::remove(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("prove/local");
        let one = Scratch::held(folder.clone()).and_then(Scratch::empty).unwrap();
        fs::write(one.path().join("left"), "").unwrap();
        assert!(Scratch::held(folder.clone()).is_err());
        drop(one);
        assert!(!folder.exists());
        fs::create_dir(&folder).and_then(|()| fs::write(folder.join("of a killed one"), "")).unwrap();
        let another = Scratch::held(folder.clone()).and_then(Scratch::empty).unwrap();
        assert_eq!(fs::read_dir(another.path()).unwrap().count(), 0);
    }
}
