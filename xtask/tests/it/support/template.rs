//! The checkout that all others are cloned from: the workspace as it is now, uncommitted work included, and the
//! image built from it. It is kept in one place between test runs, because the compiler starts anew for
//! each new place.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
};

use super::{command::Xtask, git::git};

/// The template, for as long as nobody else changes it.
pub(crate) struct Template {
    root: PathBuf,
    _lock: File,
}

impl Template {
    /// The template, with the workspace's present state.
    pub(crate) fn lock() -> Self {
        static UPDATED: Once = Once::new();
        let root = shared_target().join("template");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(shared_target().join("template.lock")).unwrap();
        lock.lock().unwrap();
        UPDATED.call_once(|| update(&root));
        Self { root, _lock: lock }
    }

    /// Clones it.
    pub(crate) fn clone_to(&self, folder: &Path) {
        git(&self.root).run(&["clone", "--quiet", ".", &folder.display().to_string()]);
    }

    /// Builds its image, if that was not done before, and copies image and build record into a clone.
    pub(crate) fn copy_build_to(&self, folder: &Path) {
        self.build();
        fs::create_dir_all(folder.join("target/xtask")).unwrap();
        for part in ["images", "builds", "sources.toml"] {
            copy(&self.root.join("target/xtask").join(part), &folder.join("target/xtask"));
        }
    }

    fn build(&self) {
        let home = shared_target().join("home");
        fs::create_dir_all(&home).unwrap();
        Xtask::at(&self.root, &home).args(["build", "--json"]).run().done();
    }
}

/// The cargo target folder that all tests share, so that the service is compiled once.
pub(crate) fn shared_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("e2e")
}

/// Copies a file or folder into another folder, as it is.
pub(crate) fn copy(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(into).status().unwrap();
    assert!(status.success(), "copying {} failed", from.display());
}

/// Commits the workspace's files as they are on disk to the template, and checks them out there. The
/// workspace itself is only read.
fn update(root: &Path) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    if !root.join(".git").exists() {
        git(root).run(&["init", "--quiet", "--initial-branch", "main"]);
    }
    git(root).run(&["fetch", "--quiet", &workspace.display().to_string(), "HEAD"]);
    let over_workspace = || {
        git(workspace)
            .env("GIT_DIR", root.join(".git"))
            .env("GIT_WORK_TREE", workspace)
            .env("GIT_INDEX_FILE", root.join(".git/workspace-index"))
    };
    over_workspace().run(&["add", "--all"]);
    let tree = over_workspace().run(&["write-tree"]);
    let commit = if tree == git(root).run(&["rev-parse", "FETCH_HEAD^{tree}"]) {
        git(root).run(&["rev-parse", "FETCH_HEAD"])
    } else {
        git(root).run(&["commit-tree", &tree, "-p", "FETCH_HEAD", "-m", "Uncommitted work"])
    };
    git(root).run(&["reset", "--quiet", "--hard", &commit]);
}
