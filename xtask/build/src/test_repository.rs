//! A git repository of a test's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use xtask_contract::{Callee, Git, Repo};

use crate::work_tree::WorkTree;

pub(crate) struct TestRepository {
    folder: TempDir,
}

impl TestRepository {
    pub(crate) fn new() -> Self {
        let repository = Self { folder: tempfile::Builder::new().prefix("a repository ").tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    /// A clone, with this setting of git.
    pub(crate) fn clone_of(original: &Self, setting: &str) -> Self {
        Self::cloned(original, &["-c", setting])
    }

    /// A clone of the last commit alone.
    pub(crate) fn shallow_clone_of(original: &Self) -> Self {
        Self::cloned(original, &["--no-local", "--depth", "1"])
    }

    fn cloned(original: &Self, args: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("a clone ").tempdir().unwrap();
        let from = original.path().display().to_string();
        git(folder.path(), &[&["clone", "--quiet"], args, &[&from, "."]].concat());
        Self { folder }
    }

    pub(crate) fn work_tree(&self) -> WorkTree {
        WorkTree::around(&self.path()).unwrap()
    }

    pub(crate) fn commit_of(&self, name: &str) -> String {
        Git::at(self.path()).commit(name).unwrap().unwrap()
    }

    /// Its top folder, by its real name.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(crate) fn repo(&self) -> Repo {
        Repo::at(self.path())
    }

    /// Calls git there, with nobody's settings.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) {
        git(self.folder.path(), args);
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    pub(crate) fn add_submodule(&self, of: &Self, path: &str) {
        let from = of.path().display().to_string();
        self.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, path]);
    }
}

#[track_caller]
fn git(folder: &Path, args: &[&str]) {
    let mut git = Callee::Git.command("git");
    git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgSign=false"]);
    let output = git.args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
