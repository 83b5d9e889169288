//! Git, asked about the repository that a folder is in, and about no other: a hook of git that calls the toolchain has
//! variables in its environment that name the caller's.

use std::{
    ffi::OsStr,
    fmt, io,
    path::{Path, PathBuf},
    process::Output,
};

use crate::{Error, callee::Callee};

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
        let output = self.output(args)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Failure::Said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// The same, for an answer of one line.
    pub fn line(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&self.run(args)?).trim_end_matches('\n').to_owned())
    }

    /// The ID of a commit, by any name; none, if the repository does not have it.
    pub fn commit(&self, name: &str) -> Result<Option<String>, Failure> {
        let commit = format!("{name}^{{commit}}");
        let output = self.output(["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        if output.status.success() {
            return Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()));
        }
        match String::from_utf8_lossy(&output.stderr).trim() {
            "" => Ok(None),
            said => Err(Failure::Said(said.to_owned())),
        }
    }

    fn output(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output, Failure> {
        let mut git = Callee::Git.command("git");
        git.current_dir(&self.folder).args(PLAIN).args(args).output().map_err(Failure::NotRun)
    }
}

/// Why git gives no answer.
#[derive(Debug)]
pub enum Failure {
    /// It could not be called.
    NotRun(io::Error),
    /// What it said instead.
    Said(String),
}

impl Failure {
    /// The error of what was being done.
    pub fn doing(self, doing: impl Into<String>) -> Error {
        let next = match &self {
            Self::NotRun(error) if error.kind() == io::ErrorKind::NotFound => {
                Some("install git: `apt-get install git`, or your system's like")
            }
            Self::NotRun(_) => None,
            Self::Said(_) => Some(
                "build from a git checkout that git trusts: an image names the commit that it was built from",
            ),
        };
        let error = Error::failed(doing, self);
        match next {
            Some(next) => error.next(next),
            None => error,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun(error) => write!(f, "git cannot be run: {error}"),
            Self::Said(said) => f.write_str(said),
        }
    }
}
