//! Calls `cargo xtask` as a person does: what is shown is what everybody can do.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use xtask_contract::{Callee, Context, EnvName, Error, ReleaseId, Result};

/// How long a command may take that starts something.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often it is looked whether somebody wants it to end.
const LOOK: Duration = Duration::from_millis(100);

/// The program that this process is, called in a folder of its own, by a user with a home of their own.
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    pub(crate) program: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) home: PathBuf,
}

/// What a call ended with.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Called {
    fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    fn done(self, args: &[&str]) -> Result<String> {
        if self.code == 0 {
            return Ok(self.stdout);
        }
        let why = self.stderr.trim().lines().map(str::to_owned).collect::<Vec<_>>().join("\n");
        Err(Error::failed(format!("calling `cargo xtask {}`", args.join(" ")), why))
    }
}

impl Toolchain {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Callee::Itself.command(&self.program);
        command.args(args).current_dir(&self.folder).env("HOME", &self.home);
        for name in ["CARGO_TARGET_DIR", "XTASK_AGE_KEY", "XTASK_SIGNING_KEY"] {
            command.env_remove(name);
        }
        // Where Rust and the container engine are does not depend on whose home it is.
        let home = env::home_dir().unwrap_or_default();
        for (name, folder) in
            [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo"), ("DOCKER_CONFIG", ".docker")]
        {
            if env::var_os(name).is_none() {
                command.env(name, home.join(folder));
            }
        }
        // Ctrl-C at the terminal reaches only the calling process, which then stops what it has started.
        command.process_group(0);
        command
    }

    /// Calls it, with this on its standard input, and waits for its end.
    pub(crate) fn call(&self, args: &[&str], input: &str) -> Result<Called> {
        Self::ended(self.command(args), args, input)
    }

    fn ended(mut command: Command, args: &[&str], input: &str) -> Result<Called> {
        let doing = || format!("calling `cargo xtask {}`", args.join(" "));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().doing(doing)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read it says why.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().map(Called::of).doing(doing)
    }

    /// Calls it and waits for its end, which it is asked for when this becomes true.
    pub(crate) fn call_until(&self, args: &[&str], stop: &AtomicBool) -> Result<Called> {
        let doing = || format!("calling `cargo xtask {}`", args.join(" "));
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().doing(doing)?;
        let pid = Pid::from_child(&child);
        let (tell, ended) = channel();
        thread::spawn(move || tell.send(child.wait_with_output()));
        let mut told = false;
        loop {
            match ended.recv_timeout(LOOK) {
                Ok(output) => return output.map(Called::of).doing(doing),
                Err(RecvTimeoutError::Timeout) if !told && stop.load(Ordering::Relaxed) => {
                    let _ = kill_process(pid, Signal::INT);
                    told = true;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::failed(doing(), "it is lost")),
            }
        }
    }

    /// Calls it; it must do what it is asked for. Gives back its standard output.
    pub(crate) fn done(&self, args: &[&str], input: &str) -> Result<String> {
        self.call(args, input)?.done(args)
    }

    /// The same, with nothing on its PATH but what is in this folder.
    pub(crate) fn done_with(&self, args: &[&str], path: &Path) -> Result<String> {
        let mut command = self.command(args);
        command.env("PATH", path);
        Self::ended(command, args, "")?.done(args)
    }

    /// Makes a release, and tells its ID.
    pub(crate) fn release(&self, env: &EnvName) -> Result<ReleaseId> {
        let made = self.document(&["release", "--env", env.as_str()])?;
        let id = made["id"].as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Error::failed("making a release", format!("it says no ID: {made}")))
    }

    /// The document that it answers with.
    pub(crate) fn document(&self, args: &[&str]) -> Result<Value> {
        let args = [args, &["--json"]].concat();
        let text = self.done(&args, "")?;
        serde_json::from_str(&text).doing(|| format!("reading what `cargo xtask {}` says", args.join(" ")))
    }

    /// Starts it and does not wait, so that the caller can look at the running process.
    pub(crate) fn starts(&self, args: &[String]) -> Result<Started> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.command(&args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Started).doing(|| format!("calling `cargo xtask {}`", args.join(" ")))
    }

    /// Starts one that stays, and waits for its result. Nothing is on its PATH but what is in this folder.
    pub(crate) fn stays(&self, args: &[&str], path: &Path) -> Result<Staying> {
        let doing = || format!("calling `cargo xtask {}`", args.join(" "));
        let mut command = self.command(args);
        command.env("PATH", path).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().doing(doing)?;
        let (tell, results) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                    let _ = tell.send(line);
                }
            });
        }
        let said = Said::hear(&mut child);
        let staying = Staying { child, results, said };
        match staying.results.recv_timeout(PATIENCE) {
            Ok(_) => Ok(staying),
            Err(_) => Err(Error::failed(doing(), staying.said.all())),
        }
    }
}

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Started(Child);

impl Started {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end.
    pub(crate) fn ends(mut self) -> Result<()> {
        self.0.wait().map(drop).doing(|| "waiting for a command")
    }
}

/// A command that goes on; dropped, it is stopped in good order.
#[derive(Debug)]
pub(crate) struct Staying {
    child: Child,
    results: Receiver<String>,
    said: Said,
}

impl Staying {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far: the lines of its processes among it.
    pub(crate) fn said(&self) -> String {
        self.said.all()
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// What a process writes to its standard error.
#[derive(Debug, Default)]
struct Said(std::sync::Arc<std::sync::Mutex<String>>);

impl Said {
    fn hear(child: &mut Child) -> Self {
        let said = Self::default();
        if let Some(stderr) = child.stderr.take() {
            let all = said.0.clone();
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(std::result::Result::ok) {
                    if let Ok(mut all) = all.lock() {
                        all.push_str(&line);
                        all.push('\n');
                    }
                }
            });
        }
        said
    }

    fn all(&self) -> String {
        self.0.lock().map(|all| all.clone()).unwrap_or_default()
    }
}
