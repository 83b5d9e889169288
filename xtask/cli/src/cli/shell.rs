//! The grammar of what serves the command line itself: `completions`, `complete` and `manual`.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}

#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// The command line's words, the program's first, up to the cursor
    #[arg(last = true)]
    pub(crate) words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// A folder that `man` looks into, if not target/xtask/man
    pub(crate) folder: Option<PathBuf>,
}
