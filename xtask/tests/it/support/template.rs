//! The checkout that all others are made of: the workspace as it is now, uncommitted work included, and the image
//! built from it. It is kept in one place between test runs, because the compiler starts anew for each new place; what
//! was made of the same content already is not made again, by this process or another.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{PROGRAM, Xtask},
    git::git,
};

/// The template, for as long as nobody changes it.
pub(crate) struct Template {
    root: PathBuf,
    lock: File,
    /// The commit that it has.
    commit: String,
}

impl Template {
    /// The template, with the workspace's present state.
    pub(crate) fn lock() -> Self {
        let root = shared_target().join("template");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(shared_target().join("template.lock")).unwrap();
        lock.lock().unwrap();
        let commit = update(&root);
        // All others have this state, too, and may read it at the same time.
        lock.unlock().and_then(|()| lock.lock_shared()).unwrap();
        Self { root, lock, commit }
    }

    /// Clones it.
    pub(crate) fn clone_to(&self, folder: &Path) {
        git(&self.root).run(&["clone", "--quiet", ".", &folder.display().to_string()]);
    }

    /// Copies what stages after `build` read into a folder: neither source nor history.
    pub(crate) fn copy_deploys_to(&self, folder: &Path) {
        fs::create_dir(folder).unwrap();
        for part in ["Cargo.toml", "k8s"] {
            copy(&self.root.join(part), folder);
        }
    }

    /// Builds its image, if that was not done before, and copies image and build record into a checkout.
    pub(crate) fn copy_build_to(&self, folder: &Path) {
        self.build();
        fs::create_dir_all(folder.join("target/xtask")).unwrap();
        for part in ["images", "builds", "sources.toml"] {
            copy(&self.root.join("target/xtask").join(part), &folder.join("target/xtask"));
        }
    }

    fn build(&self) {
        let program = fs::metadata(PROGRAM).unwrap();
        let stamp = format!("{} {}.{}", self.commit, program.mtime(), program.mtime_nsec());
        let built = shared_target().join("template.built");
        let is_built = || fs::read_to_string(&built).is_ok_and(|known| known == stamp);
        if is_built() {
            return;
        }
        self.lock.unlock().and_then(|()| self.lock.lock()).unwrap();
        if !is_built() {
            let home = shared_target().join("home");
            fs::create_dir_all(&home).unwrap();
            Xtask::at(&self.root, &home).args(["build", "--json"]).run().done();
            fs::write(&built, stamp).unwrap();
        }
        self.lock.unlock().and_then(|()| self.lock.lock_shared()).unwrap();
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

/// Commits the workspace's files as they are on disk to the template, and checks them out there, unless that was done
/// before; the commit. The workspace itself is only read.
fn update(root: &Path) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    if !root.join(".git").exists() {
        git(root).run(&["init", "--quiet", "--initial-branch", "main"]);
    }
    let over_workspace = || {
        git(workspace)
            .env("GIT_DIR", root.join(".git"))
            .env("GIT_WORK_TREE", workspace)
            .env("GIT_INDEX_FILE", root.join(".git/workspace-index"))
    };
    over_workspace().run(&["add", "--all"]);
    let tree = over_workspace().run(&["write-tree"]);
    let head = git(workspace).run(&["rev-parse", "HEAD"]);
    let stamp = root.join(".git/checked-out");
    let known = fs::read_to_string(&stamp).unwrap_or_default();
    if let Some(commit) = known.strip_prefix(&format!("{head} {tree} ")) {
        return commit.to_owned();
    }
    git(root).run(&["fetch", "--quiet", &workspace.display().to_string(), "HEAD"]);
    let commit = if tree == git(root).run(&["rev-parse", "FETCH_HEAD^{tree}"]) {
        head.clone()
    } else {
        git(root).run(&["commit-tree", &tree, "-p", &head, "-m", "Uncommitted work"])
    };
    git(root).run(&["reset", "--quiet", "--hard", &commit]);
    fs::write(&stamp, format!("{head} {tree} {commit}")).unwrap();
    commit
}
