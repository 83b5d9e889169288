//! A file of the project, as it is and as it is wanted.

use std::{fs, io, path::Path};

use serde::Serialize;
use xtask_contract::{Context, Result, durable};

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It is not there yet.
    New,
    /// It is there, and gets what it lacks.
    Added,
    /// It is there, as it is wanted.
    Same,
    /// It is there, and is the project's own.
    Own,
}

impl State {
    pub(super) fn words(self, written: bool) -> &'static str {
        match (self, written) {
            (Self::New, true) => "written",
            (Self::New, false) => "new",
            (Self::Added, true) => "added to",
            (Self::Added, false) => "to be added to",
            (Self::Same, _) => "as it is",
            (Self::Own, _) => "your own",
        }
    }
}

/// A file of the project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Below the workspace's folder.
    pub(super) path: String,
    pub(super) state: State,
    pub(super) before: Option<String>,
    pub(super) wanted: String,
}

impl File {
    /// One that is written where there is none.
    pub(super) fn whole(root: &Path, path: &str, wanted: String) -> Result<Self> {
        Ok(Self::with(path, read(root, path)?, wanted, State::Own))
    }

    /// One that gets what it lacks, and loses nothing.
    pub(super) fn completed(
        root: &Path,
        path: &str,
        complete: impl FnOnce(&str) -> Result<String>,
    ) -> Result<Self> {
        let before = read(root, path)?;
        let wanted = complete(before.as_deref().unwrap_or_default())?;
        Ok(Self::with(path, before, wanted, State::Added))
    }

    fn with(path: &str, before: Option<String>, wanted: String, where_it_differs: State) -> Self {
        let state = match &before {
            None => State::New,
            Some(before) if *before == wanted => State::Same,
            Some(_) => where_it_differs,
        };
        Self { path: path.to_owned(), state, before, wanted }
    }

    /// Whether it has to be written.
    pub(super) fn is_written(&self) -> bool {
        matches!(self.state, State::New | State::Added)
    }

    /// Writes it, if it has to be.
    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let path = root.join(&self.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match self.state {
            State::New => durable::create(&path, self.wanted.as_bytes(), 0o644),
            State::Added => durable::replace(&path, self.wanted.as_bytes(), 0o644),
            State::Same | State::Own => Ok(()),
        }
    }
}

fn read(root: &Path, path: &str) -> Result<Option<String>> {
    match fs::read_to_string(root.join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).doing(|| format!("reading {path}")),
    }
}
