//! Builds that a hook of git calls: git has told the hook by variables which repository and index it is called for.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::support::{command::PROGRAM, git::git, tiny::Tiny};

/// A checkout with a hook that builds and verifies before each commit.
struct Hooked<'a> {
    tiny: &'a Tiny,
    root: PathBuf,
}

impl<'a> Hooked<'a> {
    fn at(tiny: &'a Tiny, root: PathBuf) -> Self {
        let hooks = PathBuf::from(git(&root).run(&["rev-parse", "--git-path", "hooks"]));
        let hook = root.join(hooks).join("pre-commit");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        let told = tiny.home.join("told").display().to_string();
        let lines = format!(
            "#!/bin/sh\nset -e\nenv | grep ^GIT_INDEX_FILE= >'{told}'\n'{PROGRAM}' build\n'{PROGRAM}' build --verify\n"
        );
        fs::write(&hook, lines).unwrap();
        fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
        Self { tiny, root }
    }

    /// Commits a change of one file, of several that differ, and nothing else may come of it.
    #[track_caller]
    fn commits_what_was_asked_for(&self) {
        let before = self.git(&["symbolic-ref", "HEAD"]);
        for name in ["README.md", "NOTES"] {
            fs::write(self.root.join(name), format!("changed in {}\n", self.root.display())).unwrap();
        }
        self.git(&["add", "README.md", "NOTES"]);
        self.git(&["commit", "--quiet", "--message", "One of the two", "README.md"]);
        assert!(
            fs::read_to_string(self.tiny.home.join("told")).unwrap().contains("index"),
            "the hook was called"
        );
        assert_eq!(self.git(&["symbolic-ref", "HEAD"]), before, "it is still on its branch");
        assert_eq!(self.git(&["show", "--format=", "--name-only", "HEAD"]), "README.md");
        assert_eq!(self.git(&["status", "--porcelain"]), "A  NOTES");
        self.git(&["fsck", "--strict"]);
    }

    #[track_caller]
    fn git(&self, args: &[&str]) -> String {
        let git = git(&self.root);
        self.tiny.environment().into_iter().fold(git, |git, (name, path)| git.env(name, path)).run(args)
    }
}

#[test]
fn in_a_checkout_a_worktree_and_a_submodule_a_hook_can_build_and_verify() {
    let tiny = Tiny::new();
    Hooked::at(&tiny, tiny.root.clone()).commits_what_was_asked_for();

    let worktree = tiny.root.with_file_name("a worktree");
    git(&tiny.root).run(&["worktree", "add", "--quiet", "-b", "work", worktree.to_str().unwrap()]);
    Hooked::at(&tiny, worktree).commits_what_was_asked_for();

    let outer = tiny.root.with_file_name("outer");
    fs::create_dir(&outer).unwrap();
    git(&outer).run(&["init", "--quiet"]);
    let from = tiny.root.to_str().unwrap();
    git(&outer).run(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", from, "inner"]);
    let inner = outer.join("inner");
    git(&inner).run(&["checkout", "--quiet", "-b", "work-of-the-submodule"]);
    Hooked::at(&tiny, inner).commits_what_was_asked_for();
    assert_is_clean(&outer);
}

/// Nothing was staged or committed in a repository around the one that the hook was called for.
#[track_caller]
fn assert_is_clean(outer: &Path) {
    assert_eq!(git(outer).run(&["diff", "--cached", "--name-only"]), ".gitmodules\ninner");
}
