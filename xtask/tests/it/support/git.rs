//! Git, with nothing of the user's own settings and with the same author and time always, so that the same
//! content gets the same commit.

use std::{path::Path, process::Command};

use xtask_contract::Callee;

/// Git in this folder.
pub(crate) fn git(folder: &Path) -> Git {
    let mut command = Callee::Git.command("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "A Tester")
            .env(format!("GIT_{who}_EMAIL"), "tester@example.org");
        command.env(format!("GIT_{who}_DATE"), "2011-04-06T20:32:17Z");
    }
    Git(command)
}

/// One git command.
pub(crate) struct Git(Command);

impl Git {
    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its good end and gives back what it printed.
    #[track_caller]
    pub(crate) fn run(mut self, args: &[&str]) -> String {
        let output = self.0.args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {} failed: {said}", args.join(" "));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}
