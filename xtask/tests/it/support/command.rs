//! The command line under test, with an environment that holds just what is named here, and what became of it.

use std::{
    env,
    ffi::OsStr,
    io::{Seek, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use serde_json::Value;

use super::{LONG_PATIENCE, foreground::Foreground, template::shared_target, terminal::Terminal};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_xtask");

/// What the machine says about its network and images; all else comes from the tests.
const PASSED_ON: [&str; 7] = [
    "HTTPS_PROXY",
    "https_proxy",
    "KIND_NODE_IMAGE",
    "POSTGRES_IMAGE",
    "RUSTUP_AUTO_INSTALL",
    "SSL_CERT_FILE",
    "XDG_RUNTIME_DIR",
];

/// One call of the command line.
pub(crate) struct Xtask(Command);

impl Xtask {
    /// A call in this folder, by a user with this home.
    pub(crate) fn at(folder: &Path, home: &Path) -> Self {
        Self::with(Path::new(PROGRAM), folder, home)
    }

    /// A call of a copy of the program.
    pub(crate) fn with(program: &Path, folder: &Path, home: &Path) -> Self {
        Self(clean(program, folder, home))
    }

    /// A call by way of another program, which gets the program under test as its last argument so far.
    pub(crate) fn through(wrapper: &[&str], folder: &Path, home: &Path) -> Self {
        let mut command = clean(Path::new(wrapper[0]), folder, home);
        command.args(&wrapper[1..]).arg(PROGRAM);
        Self(command)
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Lets it find the Docker Engine. Without this there is none: nothing but kind needs one.
    pub(crate) fn with_engine(mut self) -> Self {
        self.0.env_remove("DOCKER_HOST").envs(env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
        self
    }

    /// Gives it this text to read on its standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).and_then(|()| file.rewind()).unwrap();
        self.0.stdin(file);
        self
    }

    /// Calls it from another folder.
    pub(crate) fn from(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Calls it as another user, which root can.
    pub(crate) fn by_user(mut self, id: u32) -> Self {
        self.0.uid(id).gid(id);
        self
    }

    /// Starts it and lets it run.
    #[track_caller]
    pub(crate) fn start(self) -> Foreground {
        Foreground::spawn(self.0)
    }

    /// Starts it at a terminal.
    #[track_caller]
    pub(crate) fn start_at(mut self, terminal: &Terminal) -> Child {
        let [input, output, errors] = [(); 3].map(|()| terminal.side_of_the_process());
        self.0.stdin(input).stdout(output).stderr(errors).spawn().unwrap()
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        self.start().ends_within(LONG_PATIENCE)
    }
}

fn clean(program: &Path, folder: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.env("PATH", env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command.env("CARGO_HOME", tool_home("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", tool_home("RUSTUP_HOME", ".rustup"));
    command.env("CARGO_TARGET_DIR", shared_target()).env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    command
}

/// Where cargo or rustup keep their things.
pub(crate) fn tool_home(variable: &str, usual: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| env::home_dir().unwrap_or_default().join(usual), PathBuf::from)
}

/// What a call ended with.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// It must have succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.exits(0)
    }

    /// It must have refused, and said this.
    #[track_caller]
    pub(crate) fn refused(self, words: &str) -> Self {
        self.exits(3).says(words).prints_no_result()
    }

    /// Its standard output must be empty; or, with `--json`, tell why it failed.
    #[track_caller]
    pub(crate) fn prints_no_result(self) -> Self {
        assert!(self.stdout.is_empty() || self.json()["error"].is_object(), "{self:#?}");
        self
    }

    /// It must have ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        // The reason first: of what a test panics with, a report has the first lines.
        let error = self.stderr.rfind("\nerror: ").map_or(0, |at| at + 1);
        let why = &self.stderr[error..];
        assert!(self.status.code() == Some(code), "{}, not exit code {code}\n{why}\n{self:#?}", self.status);
        self
    }

    /// This must be in its words for people.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words:?} was not said: {}", self.stderr);
        self
    }

    /// This must be all of its standard output.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert_eq!(self.stdout, text);
        self
    }

    /// The one JSON document that its standard output must be.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// A text of the JSON document.
    #[track_caller]
    pub(crate) fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.stdout)).to_owned()
    }
}
