//! The processes that are measured: alone on a core each, and gone afterwards.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Instant,
};

use rustix::param::clock_ticks_per_second;
use xtask_contract::{Context, Error, Result};

/// A process that answers on a port of this machine. It does not outlive its measurement.
pub(super) struct Running {
    child: Child,
    pub(super) port: u16,
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
        let child = command.stdout(Stdio::null()).spawn().doing(|| format!("starting {what}"))?;
        Ok(Self { child, port })
    }

    /// Waits until it answers this with 200.
    pub(super) fn until_ready(self, what: &str, path: &str) -> Result<Self> {
        let started = Instant::now();
        while !ready(self.port, path) {
            if started.elapsed().as_secs() > 10 {
                return Err(Error::failed(format!("starting {what}"), "it is not ready after 10 s"));
            }
        }
        Ok(self)
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

    #[test]
    fn this_process_has_used_something() {
        let before = Used::of(std::process::id()).unwrap();
        while Used::of(std::process::id()).unwrap().itself == before.itself {}
    }
}
