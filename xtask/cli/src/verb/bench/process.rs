//! The processes that are measured: alone on a core each, and gone afterwards.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::FileExt, process::CommandExt},
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    param::clock_ticks_per_second,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use xtask_contract::{Context, Error, Result};

/// How long a process may take to be ready, and how long to wait before it is asked once more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) all: Duration,
    pub(super) pause: Duration,
}

/// For a service whose start is measured.
pub(super) const SHORT: Patience = Patience { all: Duration::from_secs(10), pause: Duration::ZERO };

/// How long a process may take to answer once it is asked, and to end.
const ANSWER: Duration = Duration::from_secs(10);
const END: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// So many bytes of what a process wrote are repeated when it fails.
const TAIL: u64 = 2000;

/// A process that answers on a port of this machine. It does not outlive its measurement.
pub(super) struct Running {
    child: Child,
    pub(super) port: u16,
    /// What it writes, in a file that has no name any more.
    log: File,
}

/// A command on the first core alone, for a core is what requests are counted by.
pub(super) fn on_one_core(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

pub(super) fn free_port() -> Result<u16> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
    Ok(free.doing(|| "looking for a free port")?.port())
}

impl Running {
    /// Starts it; it need not be ready yet.
    pub(super) fn start(what: &str, command: &mut Command, port: u16) -> Result<Self> {
        let mut start = || -> std::io::Result<Self> {
            let log = tempfile::tempfile()?;
            // Both streams go on at the file's end, wherever that is.
            rustix::fs::fcntl_setfl(&log, rustix::fs::OFlags::APPEND)?;
            let child = command.stdout(log.try_clone()?).stderr(log.try_clone()?).spawn()?;
            Ok(Self { child, port, log })
        };
        start().doing(|| format!("starting {what}"))
    }

    /// Starts it as the first one of a process group, which [`Self::stop_group`] ends.
    pub(super) fn start_group(what: &str, command: &mut Command, port: u16) -> Result<Self> {
        Self::start(what, command.process_group(0), port)
    }

    /// Asks the process and all that it has started to end, and waits for the process. If it takes too long, kills the
    /// whole group.
    pub(super) fn stop_group(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(group) = group.filter(|_| matches!(self.child.try_wait(), Ok(None))) else { return };
        let Ok(ended) = pidfd_open(group, PidfdFlags::empty()) else { return };
        let _ = kill_process_group(group, Signal::TERM);
        let _ = poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&END));
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Waits until it answers this with 200.
    pub(super) async fn until_ready(&mut self, what: &str, path: &str, patience: Patience) -> Result<()> {
        let doing = || format!("starting {what}");
        let started = Instant::now();
        while !ready(self.port, path) {
            let why = match self.child.try_wait().doing(doing)? {
                Some(status) => format!("it ended with {status}"),
                None if started.elapsed() > patience.all => {
                    format!("it is not ready after {} s", patience.all.as_secs())
                }
                None if patience.pause.is_zero() => {
                    tokio::task::yield_now().await;
                    continue;
                }
                None => {
                    tokio::time::sleep(patience.pause).await;
                    continue;
                }
            };
            return Err(Error::failed(doing(), format!("{why}; it said:\n{}", self.said())));
        }
        Ok(())
    }

    /// The end of what it wrote.
    fn said(&self) -> String {
        let length = self.log.metadata().map_or(0, |log| log.len());
        let mut tail = vec![0; usize::try_from(length.min(TAIL)).unwrap_or_default()];
        let _ = self.log.read_exact_at(&mut tail, length.saturating_sub(TAIL));
        String::from_utf8_lossy(&tail).trim().to_owned()
    }

    /// Lets go of what it has written, so that its lines take no more of the machine than those of one measurement.
    pub(super) fn forget(&self) {
        let _ = self.log.set_len(0);
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The line of its status with this name.
    pub(super) fn status(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).doing(|| format!("reading {path}"))?;
        Ok(status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned())
    }

    /// What it used of a processor until now, in seconds.
    pub(super) fn cpu(&self) -> Result<f64> {
        let id = self.child.id();
        let used = Used::of(id).map(|used| seconds(used.itself));
        used.ok_or_else(|| Error::failed(format!("reading /proc/{id}/stat"), "the process is gone"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// What the PostgreSQL server that this process has started used of a processor until now, in seconds.
pub(super) fn cpu_of_postgres() -> Result<f64> {
    let processes = fs::read_dir("/proc").doing(|| "looking for PostgreSQL's processes")?;
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all: Vec<(u32, Used)> = ids.filter_map(|id| Some((id, Used::of(id)?))).collect();
    let own = |used: &Used| used.parent == std::process::id() && used.name == "postgres";
    let (postmaster, used) = all
        .iter()
        .find(|(_, used)| own(used))
        .ok_or_else(|| Error::failed("looking for PostgreSQL's processes", "there is no server of ours"))?;
    let backends = all.iter().filter(|(_, used)| used.parent == *postmaster).map(|(_, used)| used.itself);
    Ok(seconds(used.itself + used.children + backends.sum::<u64>()))
}

/// What the system says of a process: times in ticks of its clock.
#[derive(Debug, PartialEq)]
struct Used {
    name: String,
    parent: u32,
    itself: u64,
    /// Those that have ended.
    children: u64,
}

impl Used {
    fn of(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// `ID (NAME) STATE PARENT …`; a name may have anything in it.
    fn parse(stat: &str) -> Option<Self> {
        let (before, after) = stat.rsplit_once(") ")?;
        let (_, name) = before.split_once(" (")?;
        let fields: Vec<&str> = after.split(' ').collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            itself: ticks(11)? + ticks(12)?,
            children: ticks(13)? + ticks(14)?,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^52 ticks are more than a million years")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

fn ready(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_end_of_a_name() {
        let stat = "7 (a) S 1 (b) S 42 7 7 0 -1 64 1 2 3 4 11 12 13 14 20 0 1 0 99";
        let used = Used { name: "a) S 1 (b".into(), parent: 42, itself: 23, children: 27 };
        assert_eq!(Used::parse(stat), Some(used));
        assert_eq!(Used::parse("7 (a) S"), None);
    }

    #[tokio::test]
    async fn who_ends_before_it_is_ready_is_quoted() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 7"]);
        let port = free_port().unwrap();
        let mut running = Running::start("it", &mut command, port).unwrap();
        let error = running.until_ready("it", "/", SHORT).await.unwrap_err();
        assert_eq!(error.to_string(), "starting it: it ended with exit status: 7; it said:\none\ntwo");
    }

    #[tokio::test]
    async fn what_was_let_go_is_not_said_again() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo before; read _; echo after; exec sleep 60"]);
        let mut running =
            Running::start("it", command.stdin(std::process::Stdio::piped()), free_port().unwrap()).unwrap();
        while running.said() != "before" {
            tokio::task::yield_now().await;
        }
        running.forget();
        drop(running.child.stdin.take());
        while running.said() != "after" {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn this_process_has_used_something() {
        let before = Used::of(std::process::id()).unwrap();
        while Used::of(std::process::id()).unwrap().itself == before.itself {}
    }
}
