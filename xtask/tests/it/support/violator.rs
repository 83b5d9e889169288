//! A workspace with a service that breaks a factor when it is told to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use xtask_prove::{store, violator};

use super::{
    checkout::give,
    command::{PROGRAM, Xtask},
    git::git,
    ports,
};

pub(crate) struct Violator {
    folder: TempDir,
}

impl Violator {
    /// The workspace, with an image of the service.
    pub(crate) fn built() -> Self {
        let folder = tempfile::Builder::new().prefix("violator ").tempdir().unwrap();
        let violator = Self { folder };
        violator::write(&violator.path(""), ports::free(), &store::begin(store::VERSION).unwrap()).unwrap();
        fs::create_dir(violator.folder.path().join("home")).unwrap();
        let root = violator.path("");
        git(&root).run(&["init", "--quiet", "--initial-branch", "main"]);
        git(&root).run(&["add", "--all"]);
        git(&root).run(&["commit", "--quiet", "--message", "All of it"]);
        violator.xtask(["build"]).run().done();
        violator
    }

    /// Gives all of it to another user, with a copy of the program that this user can call.
    pub(crate) fn belongs_to(&self, user: u32) -> PathBuf {
        let program = self.folder.path().join("xtask");
        fs::copy(PROGRAM, &program).unwrap();
        give(self.folder.path(), user);
        program
    }

    /// A call by this user.
    pub(crate) fn by<const N: usize>(&self, user: u32, program: &Path, args: [&str; N]) -> Xtask {
        Xtask::with(program, &self.path(""), &self.folder.path().join("home")).args(args).by_user(user)
    }

    /// A path in the workspace.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("a workspace").join(path)
    }

    pub(crate) fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        let (root, home) = (self.path(""), self.folder.path().join("home"));
        Xtask::at(&root, &home).args(args).env("CARGO_TARGET_DIR", root.join("target"))
    }
}
