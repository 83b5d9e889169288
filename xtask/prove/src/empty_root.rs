//! One process of the image in a root folder that holds the image's files and nothing else, by itself: no supervisor, no
//! shell, no library, nothing on its PATH.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use xtask_contract::{Callee, Context, Digest, Error, Layout, Result, service::ProcessType};

use crate::{
    http,
    observed::{Observed, Observer},
    stage::free_port,
    system::Process,
};

/// Variables that tell a process of its supervisor's sockets. The environment may be that of a process with a
/// supervisor: without these variables the new process opens a port of its own.
const INHERITED: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET"];

/// The image's files.
#[derive(Debug, Clone)]
pub(crate) struct EmptyRoot {
    folder: PathBuf,
    program: String,
}

impl EmptyRoot {
    /// Unpacks them.
    pub(crate) fn make(folder: &Path, layout: &Layout, image: &Digest) -> Result<Self> {
        may_have_roots()?;
        let doing = || format!("unpacking the image {image}");
        std::fs::create_dir_all(folder).doing(doing)?;
        for layer in &layout.manifest(image)?.layers {
            layout.read_layer(layer, |content| tar::Archive::new(content).unpack(folder))?;
        }
        // Who starts a program opens it. A device it cannot be without privileges.
        std::fs::create_dir_all(folder.join("dev"))
            .and_then(|()| std::fs::write(folder.join("dev/null"), ""))
            .doing(doing)?;
        Ok(Self { folder: folder.to_owned(), program: layout.service_name(image)?.program() })
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process of this type with this environment, at a port of its own.
    pub(crate) fn start(&self, kind: &ProcessType, environment: &BTreeMap<String, String>) -> Result<Alone> {
        self.spawn(&[], kind, environment)
    }

    /// The same, with all that it asks the system for heard into a file.
    pub(crate) fn start_observed(
        &self,
        observer: &Observer,
        to: &Path,
        kind: &ProcessType,
        environment: &BTreeMap<String, String>,
    ) -> Result<Alone> {
        self.spawn(&observer.words(to), kind, environment)
    }

    /// What a process that was started so has asked for until now.
    pub(crate) fn observed(&self, from: &Path) -> Result<Option<Observed>> {
        let trace = std::fs::read_to_string(from).doing(|| format!("reading {}", from.display()))?;
        Ok(Observed::of(&trace, &self.program))
    }

    /// Starts a process by way of another program.
    fn spawn(
        &self,
        by_way_of: &[OsString],
        kind: &ProcessType,
        environment: &BTreeMap<String, String>,
    ) -> Result<Alone> {
        let doing = || "starting a process in an empty root";
        let port = free_port()?;
        let mut environment = environment.clone();
        environment.retain(|name, _| !INHERITED.contains(&name.as_str()));
        if let Some(variable) = &kind.port {
            environment.insert(variable.clone(), port.to_string());
        }
        let mut words = by_way_of.iter().cloned().chain(unshare());
        let mut command = Callee::Bare.command(words.next().unwrap_or_default());
        command.args(words);
        command.arg(format!("--root={}", self.folder.display())).arg("--wd=/").arg("--").arg(&self.program);
        command.args(&kind.args).env_clear().envs(environment).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().doing(doing)?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let streams: [Option<Box<dyn io::Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn io::Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn io::Read + Send>),
        ];
        let readers = streams.into_iter().flatten().map(|stream| read(stream, lines.clone())).collect();
        Ok(Alone { child, port, started, lines, readers })
    }
}

fn read(stream: Box<dyn io::Read + Send>, lines: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(std::result::Result::ok) {
            if let Ok(mut lines) = lines.lock() {
                lines.push(line);
            }
        }
    })
}

/// The program that has a process in a root folder of its own, with what else this user needs to say to it.
fn unshare() -> Vec<OsString> {
    let mut words = vec!["/usr/bin/unshare".into()];
    if !rustix::process::geteuid().is_root() {
        words.extend(["--user".into(), "--map-root-user".into()]);
    }
    words
}

/// Whether this user may have a process in a root folder of its own.
fn may_have_roots() -> Result<()> {
    let doing = || "starting a process in a root folder of its own";
    let [program, words @ ..] = &unshare()[..] else { return Ok(()) };
    let tried = Callee::Bare
        .command(program)
        .args(words)
        .args(["--root=/", "--", "/proc/self/exe", "--version"])
        .output();
    let tried = tried.doing(doing)?;
    if tried.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
    Err(Error::refused(doing(), said).next(
        "let users have namespaces of their own (Ubuntu: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`; a \
         container: --cap-add SYS_ADMIN), and run the same command again",
    ))
}

/// A process by itself. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Alone {
    child: Child,
    pub(crate) port: u16,
    started: Instant,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Alone {
    /// Where it is asked.
    pub(crate) fn address(&self) -> SocketAddr {
        http::here(self.port)
    }

    /// It. What started it has become it.
    pub(crate) fn process(&self) -> Process {
        Process::here(self.child.id())
    }

    /// Waits until it takes requests, and tells how long that took from its start.
    pub(crate) fn ready(&mut self, readiness: &str, patience: Duration) -> Result<Duration> {
        loop {
            if http::get(self.address(), readiness).is_ok_and(|answer| answer.status == 200) {
                return Ok(self.started.elapsed());
            }
            let ended = self.child.try_wait().doing(|| "looking at a process")?;
            if ended.is_some() || self.started.elapsed() > patience {
                let how =
                    ended.map_or_else(|| "it is not ready in time".to_owned(), |status| status.to_string());
                let said = self.lines().join("\n");
                return Err(Error::failed("starting a process in an empty root", format!("{how}\n{said}")));
            }
            #[expect(clippy::disallowed_methods, reason = "how soon it is ready is what is measured")]
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What it has written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        // One that has ended hears none.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Waits for its end, for so long at most, and tells how long that took, how it ended, and all that it has written;
    /// nothing, if it goes on.
    pub(crate) fn ends(mut self, patience: Duration) -> Result<Option<(Duration, ExitStatus, Vec<String>)>> {
        let from = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().doing(|| "waiting for a process")? {
                let took = from.elapsed();
                for reader in self.readers.drain(..) {
                    let _ = reader.join();
                }
                return Ok(Some((took, status, self.lines())));
            }
            if from.elapsed() > patience {
                return Ok(None);
            }
            #[expect(clippy::disallowed_methods, reason = "how soon it ends is what is measured")]
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // With all that it has started, and what observes it.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
