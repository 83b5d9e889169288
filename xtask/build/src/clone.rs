//! A clean clone: one revision of the source, in a temporary folder, with nothing that was ever built there.

use std::path::Path;

use xshell::{Shell, TempDir, cmd};
use xtask_contract::{Context, Error, Repo, Result, command};

/// A checkout that is gone when this is dropped.
pub(crate) struct CleanClone {
    pub(crate) repo: Repo,
    _folder: TempDir,
}

impl CleanClone {
    /// A clone of the repository at a revision. It borrows the repository's objects, so no network is needed.
    pub(crate) fn of(repo: &Repo, revision: &str) -> Result<Self> {
        let doing = || format!("cloning the repository at {revision}");
        let sh = Shell::new().doing(doing)?;
        let folder = sh.create_temp_dir().doing(doing)?;
        let root = folder.path().join("checkout");
        git(&sh, repo.root(), &["cat-file", "-e", &format!("{revision}^{{commit}}")])
            .map_err(|why| unknown(doing(), revision, &why))?;
        let from = repo.root().display().to_string();
        let to = root.display().to_string();
        git(&sh, folder.path(), &["clone", "--quiet", "--shared", "--no-checkout", &from, &to])
            .and_then(|()| git(&sh, &root, &["checkout", "--quiet", "--detach", revision]))
            .map_err(|why| Error::failed(doing(), why))?;
        Ok(Self { repo: Repo::at(root), _folder: folder })
    }
}

fn unknown(doing: String, revision: &str, why: &str) -> Error {
    if !why.contains("Not a valid object name") {
        return Error::failed(doing, why);
    }
    Error::refused(doing, "the repository does not have this commit")
        .next(format!("fetch it, `git fetch origin {revision}`, and run the same command again"))
}

/// Runs git; if it fails, what it says.
fn git(sh: &Shell, folder: &Path, args: &[&str]) -> std::result::Result<(), String> {
    let _folder = sh.push_dir(folder);
    command::run(&mut cmd!(sh, "git {args...}").quiet().into()).map(drop).map_err(|failure| failure.why())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_revision_alone_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let sh = Shell::new().unwrap();
        let git = |args: &[&str]| git(&sh, folder.path(), args).unwrap();
        let file = folder.path().join("file");
        git(&["init", "--quiet"]);
        for text in ["first", "second"] {
            std::fs::write(&file, text).unwrap();
            git(&["add", "file"]);
            git(&[
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@example.org",
                "commit",
                "--quiet",
                "--no-gpg-sign",
                "-m",
                text,
            ]);
        }
        std::fs::write(folder.path().join("not committed"), "").unwrap();
        let repo = Repo::at(folder.path());
        let clone = CleanClone::of(&repo, "HEAD~1").unwrap();
        let root = clone.repo.root().to_owned();
        let names: Vec<_> = root.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(std::fs::read_to_string(root.join("file")).unwrap(), "first");
        drop(clone);
        assert!(!root.parent().unwrap().exists());

        let unknown = "0123456789012345678901234567890123456789";
        let error = CleanClone::of(&repo, unknown).err().unwrap();
        assert_eq!(error.exit, xtask_contract::Exit::Refused);
        assert!(error.next.unwrap().contains("git fetch"));
    }
}
