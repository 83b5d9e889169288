//! The process of a PostgreSQL server, as the server itself notes it in its data folder.

use std::{fs, os::unix::ffi::OsStrExt, path::Path};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A server's first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pub(crate) pid: Pid,
    pub(crate) port: u16,
    /// Whether the server takes connections.
    pub(crate) ready: bool,
}

impl Postmaster {
    /// The process that has this data folder, if it lives.
    pub(crate) fn of(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        Self::parse(&text).filter(|found| found.lives(data))
    }

    /// Sends a signal to the server that has this data folder, if it lives.
    pub(crate) fn signal(data: &Path, signal: Signal) {
        let open = |found: Self| Some((found.pid, pidfd_open(found.pid, PidfdFlags::empty()).ok()?));
        let Some((pid, process)) = Self::of(data).and_then(open) else { return };
        // Looked at again: what is open is the server, or was, and no process that got its number meanwhile.
        if Self::of(data).is_some_and(|found| found.pid == pid) {
            // It may have ended just now; then there is nothing to stop.
            let _ = pidfd_send_signal(&process, signal);
        }
    }

    /// Whether it is a process that was started with this data folder: not one that has its ID by chance, nor one
    /// that is dead and only not yet forgotten, which has no arguments any more.
    fn lives(self, data: &Path) -> bool {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid.as_raw_nonzero())).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == data.as_os_str().as_bytes())
    }

    /// Reads `postmaster.pid`: the process's ID, the data folder, a time, the port, and more in lines of their
    /// own; the eighth is the state. A server in single-user mode has a minus before its ID.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 0)?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        let ready = lines.nth(3).is_some_and(|state| state.trim() == "ready");
        Some(Self { pid: Pid::from_raw(pid)?, port, ready })
    }

    /// The process that started it.
    pub(crate) fn parent(self) -> Option<Pid> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        parent.trim().parse().ok().and_then(Pid::from_raw)
    }
}

/// Whether the process that last had this data folder is dead, but the system has not forgotten it yet. A new
/// server would take it for one that lives.
pub(crate) fn is_unforgotten(data: &Path) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(found) = Postmaster::parse(&text) else { return false };
    // From its end until it is forgotten, a process is there but has no arguments any more.
    let process = Path::new("/proc").join(found.pid.as_raw_nonzero().to_string());
    process.exists() && fs::read(process.join("cmdline")).unwrap_or_default().is_empty()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn a_server_is_read_from_its_first_moment_to_its_last() {
        let begun = "4711\n/data\n1700000000\n30432\n";
        let server = |ready| Some(Postmaster { pid: Pid::from_raw(4711).unwrap(), port: 30432, ready });
        assert_eq!(Postmaster::parse(begun), server(false));
        let rest = |state: &str| format!("{begun}\n127.0.0.1\n  1 2\n{state}\n");
        assert_eq!(Postmaster::parse(&rest("starting")), server(false));
        assert_eq!(Postmaster::parse(&rest("ready   ")), server(true));
        assert_eq!(Postmaster::parse(&rest("stopping")), server(false));
        assert_eq!(Postmaster::parse("-4711\n/data\n1700000000\n30432\n"), None);
        assert_eq!(Postmaster::parse(""), None);
    }

    #[test]
    fn a_process_counts_as_long_as_it_lives_and_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        assert_eq!(Postmaster::of(data), None);
        let mut process = Command::new("sleep").args(["60"]).arg0(data).spawn().unwrap();
        let note = format!("{}\n/\n0\n1\n", process.id());
        fs::write(data.join("postmaster.pid"), &note).unwrap();
        // A process that has just begun has no arguments yet.
        while Postmaster::of(data).is_none() {
            std::thread::yield_now();
        }
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("postmaster.pid"), &note).unwrap();
        assert_eq!(Postmaster::of(other.path()), None);

        process.kill().unwrap();
        // Nobody has asked for its end yet.
        while Postmaster::of(data).is_some() {
            std::thread::yield_now();
        }
        assert!(is_unforgotten(data));
        process.wait().unwrap();
        assert!(!is_unforgotten(data));
    }
}
