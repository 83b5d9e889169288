//! A clean clone: one revision of the source, in a temporary folder, with nothing that was ever built there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use xtask_contract::{Context, Error, Git, Repo, Result, git::Failure};

use crate::work_tree::{self, WorkTree};

/// A checkout that is gone when this is dropped.
pub(crate) struct CleanClone {
    pub(crate) repo: Repo,
    _folder: TempDir,
}

/// Files are what the commit holds, byte for byte: no attribute of the repository's has git change them.
const ATTRIBUTES: &str = "* -text -filter -ident -working-tree-encoding\n";

/// Nothing of the user's is done in a clone: no template of theirs, no hook, no submodule but those that are cloned.
const PLAIN: [&str; 6] =
    ["-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=true", "-c", "submodule.recurse=false"];

impl CleanClone {
    /// A clone of the repository at a revision, with its submodules as far as they are checked out. It borrows the
    /// repositories' objects, so no network is needed.
    pub(crate) fn of(repo: &Repo, revision: &str) -> Result<Self> {
        let doing = || format!("cloning the repository at {revision}");
        let tree = WorkTree::around(repo.root()).map_err(|failure| failure.doing(doing()))?;
        let known = Git::at(tree.top()).commit(revision).map_err(|failure| failure.doing(doing()))?;
        let Some(commit) = known else { return Err(unknown(doing(), revision)) };
        let folder = tempfile::tempdir().doing(doing)?;
        // Of its real name: compilers and git resolve links.
        let top = folder.path().canonicalize().doing(doing)?.join("checkout");
        clone(tree.top(), &top, &commit, &doing)?;
        let root = repo.root().canonicalize().doing(doing)?;
        let root = root.strip_prefix(tree.top()).map_or_else(|_| top.clone(), |inside| top.join(inside));
        Ok(Self { repo: Repo::at(root), _folder: folder })
    }
}

/// Clones a work tree's repository and checks a commit out, and its submodules.
fn clone(from: &Path, to: &Path, commit: &str, doing: &dyn Fn() -> String) -> Result<()> {
    let failed = |failure: Failure| failure.doing(doing());
    let (source, target) = (from.as_os_str(), to.as_os_str());
    let args = ["clone", "--quiet", "--shared", "--no-checkout", "--template="].map(AsRef::as_ref);
    let plain = PLAIN.map(AsRef::as_ref);
    Git::at(from)
        .run(plain.into_iter().chain(args).chain(["--".as_ref(), source, target]))
        .map_err(failed)?;
    let info = to.join(".git/info");
    fs::create_dir_all(&info).and_then(|()| fs::write(info.join("attributes"), ATTRIBUTES)).doing(doing)?;
    Git::at(to).run(PLAIN.into_iter().chain(["checkout", "--quiet", "--detach", commit])).map_err(failed)?;
    for (path, commit) in submodules(to, commit).map_err(failed)? {
        if from.join(&path).join(".git").exists() {
            clone(&from.join(&path), &to.join(&path), &commit, doing)?;
        }
    }
    Ok(())
}

/// The paths of a commit at which it has a commit of another repository.
fn submodules(top: &Path, commit: &str) -> std::result::Result<Vec<(PathBuf, String)>, Failure> {
    let said = Git::at(top).run(["ls-tree", "-r", "-z", "--full-tree", commit])?;
    Ok(work_tree::submodules(&said).collect())
}

fn unknown(doing: String, revision: &str) -> Error {
    Error::refused(doing, "the repository does not have this commit")
        .next(format!("fetch it, `git fetch origin {revision}`, and run the same command again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_repository::TestRepository;

    #[test]
    fn a_clone_is_the_revision_alone_and_leaves_nothing() {
        let folder = TestRepository::new();
        for text in ["first", "second"] {
            folder.write("file", text);
            folder.commit(text);
        }
        folder.write("not committed", "");
        let repo = folder.repo();
        let clone = CleanClone::of(&repo, "HEAD~1").unwrap();
        let root = clone.repo.root().to_owned();
        let names: Vec<_> = root.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(fs::read_to_string(root.join("file")).unwrap(), "first");
        drop(clone);
        assert!(!root.parent().unwrap().exists());

        let unknown = "0123456789012345678901234567890123456789";
        let error = CleanClone::of(&repo, unknown).err().unwrap();
        assert_eq!(error.kind, xtask_contract::ErrorKind::Refused);
        assert!(error.next.unwrap().contains("git fetch"));
    }

    #[test]
    fn a_clone_has_the_bytes_of_the_commit_whatever_attributes_and_settings_say() {
        let folder = TestRepository::new();
        folder.write("unix", "a\nb\n");
        folder.write("dos", "a\r\nb\r\n");
        folder.commit("Two kinds of line ends");
        folder.write(".gitattributes", "* text eol=crlf\n");
        folder.git(&["add", ".gitattributes"]);
        folder.git(&["commit", "--quiet", "--message", "Git is told to change them"]);
        folder.git(&["config", "core.autocrlf", "true"]);
        let clone = CleanClone::of(&folder.repo(), "HEAD").unwrap();
        assert_eq!(fs::read_to_string(clone.repo.root().join("unix")).unwrap(), "a\nb\n");
        assert_eq!(fs::read_to_string(clone.repo.root().join("dos")).unwrap(), "a\r\nb\r\n");
    }

    #[test]
    fn a_checkout_below_the_top_folder_is_at_the_same_place_in_the_clone() {
        let folder = TestRepository::new();
        folder.write("services/one/file", "here");
        folder.write("shared/file", "beside it");
        folder.commit("A repository of several projects");
        let clone = CleanClone::of(&Repo::at(folder.path().join("services/one")), "HEAD").unwrap();
        assert_eq!(fs::read_to_string(clone.repo.root().join("file")).unwrap(), "here");
        assert_eq!(fs::read_to_string(clone.repo.root().join("../../shared/file")).unwrap(), "beside it");
    }

    #[test]
    fn submodules_are_cloned_at_the_commit_that_the_revision_names() {
        let (folder, inner) = (TestRepository::new(), TestRepository::new());
        inner.write("file", "first");
        inner.commit("first");
        folder.add_submodule(&inner, "inner");
        folder.commit("A submodule");
        folder.write("inner/file", "second");
        let clone = CleanClone::of(&folder.repo(), "HEAD").unwrap();
        assert_eq!(fs::read_to_string(clone.repo.root().join("inner/file")).unwrap(), "first");
    }
}
