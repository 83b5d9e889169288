//! Git, asked about the repository that a folder is in, and about no other: a hook of git that calls the toolchain has
//! variables in its environment that name the caller's.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{Error, callee::Callee, command};

/// Git in one folder.
#[derive(Debug, Clone)]
pub struct Git {
    folder: PathBuf,
}

/// What keeps an answer from depending on the user's settings: no other program is asked what has changed, a commit is
/// what its ID says, and a path is that path, not a pattern.
const PLAIN: [&str; 4] = ["-c", "core.fsmonitor=false", "--no-replace-objects", "--literal-pathspecs"];

impl Git {
    /// In this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs git to its good end, and gives back what it prints.
    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Vec<u8>, Failure> {
        let mut git = Callee::Git.command("git");
        command::run(git.current_dir(&self.folder).args(PLAIN).args(args)).map_err(Failure)
    }

    /// The same, for an answer of one line.
    pub fn line(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&self.run(args)?).trim_end_matches('\n').to_owned())
    }

    /// The ID of a commit, by any name; none, if the repository does not have it.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Failure> {
        let commit = format!("{name}^{{commit}}");
        match self.line(["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]) {
            Err(Failure(command::Failure::Ended { said, .. })) if said.is_empty() => Ok(None),
            answer => answer.map(Some),
        }
    }
}

/// Why git gives no answer.
#[derive(Debug)]
pub struct Failure(command::Failure);

impl Failure {
    /// The error of what was being done.
    pub fn doing(self, doing: impl Into<String>) -> Error {
        let next = match &self.0 {
            command::Failure::Missing { .. } | command::Failure::NotStarted(_) => None,
            command::Failure::Ended { .. } => Some(
                "build from a git checkout that git trusts: an image names the commit that it was built from",
            ),
        };
        let error = self.0.error(doing);
        match next {
            Some(next) => error.next(next),
            None => error,
        }
    }
}
