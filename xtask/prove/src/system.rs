//! What the system says of a process: observed, where others assume.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use xtask_contract::Digest;

/// A process, as the system knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    fn place(self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.0.to_string()).join(name)
    }

    /// Whether it is there, and has not ended.
    pub(crate) fn is_alive(self) -> bool {
        self.state().is_some_and(|state| !matches!(state, 'Z' | 'X'))
    }

    /// `R`, `S`, `T` and the like, as `proc_pid_stat(5)` has them; none, if it is gone.
    fn state(self) -> Option<char> {
        fs::read_to_string(self.place("stat")).ok()?.rsplit_once(") ")?.1.chars().next()
    }

    /// Has it stand still, and waits until it does: one in the midst of executing another program has no environment yet,
    /// and stops when that is done. False, if it ends before.
    pub(crate) fn stands_still(self) -> bool {
        self.signal(Signal::STOP);
        loop {
            match self.state() {
                Some('T') => return true,
                Some('Z' | 'X') | None => return false,
                Some(_) => thread::yield_now(),
            }
        }
    }

    /// The environment that it was started with.
    pub(crate) fn environment(self) -> io::Result<BTreeMap<String, String>> {
        let bytes = fs::read(self.place("environ"))?;
        let all = bytes.split(|byte| *byte == 0).filter(|one| !one.is_empty());
        let all = all.map(|one| String::from_utf8_lossy(one).into_owned());
        Ok(all
            .filter_map(|one| one.split_once('=').map(|(name, value)| (name.into(), value.into())))
            .collect())
    }

    /// Its arguments, the name of its program among them.
    pub(crate) fn arguments(self) -> io::Result<Vec<String>> {
        let bytes = fs::read(self.place("cmdline"))?;
        let all = bytes.split(|byte| *byte == 0).filter(|one| !one.is_empty());
        Ok(all.map(|one| String::from_utf8_lossy(one).into_owned()).collect())
    }

    /// The digest of the program that it executes.
    pub(crate) fn program(self) -> io::Result<Digest> {
        Ok(Digest::of(fs::read(self.place("exe"))?))
    }

    /// Where the program is that it executes.
    pub(crate) fn executes(self) -> io::Result<PathBuf> {
        fs::read_link(self.place("exe"))
    }

    /// Sends it a signal. One that has ended hears none.
    pub(crate) fn signal(self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.0).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The user and the group that it acts as.
    pub(crate) fn user(self) -> io::Result<(String, String)> {
        let status = fs::read_to_string(self.place("status"))?;
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
        };
        Ok((line("Uid:"), line("Gid:")))
    }

    /// Its limits, as the system shows them.
    pub(crate) fn limits(self) -> io::Result<String> {
        fs::read_to_string(self.place("limits"))
    }

    /// Its parent.
    pub(crate) fn parent(self) -> Option<Self> {
        let stat = fs::read_to_string(self.place("stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok().map(Self)
    }

    /// The processes that it has started and that are there.
    pub(crate) fn children(self) -> Vec<Self> {
        all().into_iter().filter(|process| process.parent() == Some(self)).collect()
    }

    /// What it has mapped into its memory from files: its program, and the libraries that it is linked to.
    pub(crate) fn mapped(self) -> io::Result<BTreeSet<String>> {
        let maps = fs::read_to_string(self.place("maps"))?;
        let path = |line: &str| {
            let path = line.splitn(6, ' ').nth(5)?.trim();
            path.starts_with('/').then(|| path.trim_end_matches(" (deleted)").to_owned())
        };
        Ok(maps.lines().filter_map(path).collect())
    }

    /// The regular files that it may write to.
    pub(crate) fn written_files(self) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.place("fd"))?.flatten() {
            let number = entry.file_name().to_string_lossy().into_owned();
            let (Ok(target), Ok(about)) =
                (fs::read_link(entry.path()), fs::read_to_string(self.place("fdinfo").join(&number)))
            else {
                continue;
            };
            let is_file = fs::metadata(entry.path()).is_ok_and(|file| file.is_file());
            if is_file && is_for_writing(&about) && !is_held(&target) {
                files.push(target.display().to_string());
            }
        }
        Ok(files)
    }

    /// The ports at which it listens by sockets of its own.
    pub(crate) fn ports(self) -> io::Result<BTreeSet<u16>> {
        let sockets: BTreeSet<String> = fs::read_dir(self.place("fd"))?
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .filter_map(|target| {
                let target = target.to_string_lossy().into_owned();
                Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
            })
            .collect();
        let mut ports = BTreeSet::new();
        for table in ["net/tcp", "net/tcp6"] {
            let table = fs::read_to_string(self.place(table)).unwrap_or_default();
            ports.extend(
                listening(&table).filter(|(_, inode)| sockets.contains(*inode)).map(|(port, _)| port),
            );
        }
        Ok(ports)
    }
}

/// All processes of this machine that can be seen.
pub(crate) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Process)).collect()
}

/// The process that listens at a port of this machine, if it can be seen.
pub(crate) fn listener(port: u16) -> Option<Process> {
    all().into_iter().find(|process| process.ports().is_ok_and(|ports| ports.contains(&port)))
}

/// Whether a descriptor was opened for writing, by its `flags` line: octal, `O_ACCMODE` being 3.
fn is_for_writing(about: &str) -> bool {
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o3 != 0)
}

/// Whether it is a lock that the supervisor has its children hold on to, or a file in memory.
fn is_held(target: &Path) -> bool {
    let target = target.to_string_lossy();
    target.starts_with("/memfd:") || target.contains("/.xtask/")
}

/// The listening sockets of a table of the system's: port and inode.
fn listening(table: &str) -> impl Iterator<Item = (u16, &str)> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        (*state == LISTEN).then_some((port, *inode))
    })
}

/// All that is below a folder: path, size and the moment of the last change.
pub(crate) fn listing(folder: &Path) -> io::Result<BTreeMap<PathBuf, (u64, i64, i64)>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = fs::symlink_metadata(entry.path())?;
            if metadata.is_dir() {
                left.push(entry.path());
            }
            found.insert(entry.path(), (metadata.size(), metadata.mtime(), metadata.mtime_nsec()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_this_process_is_and_has_open_is_seen() {
        let me = Process(std::process::id());
        assert!(me.is_alive() && !Process(u32::MAX).is_alive());
        assert!(me.environment().unwrap().contains_key("PATH"));
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listening.local_addr().unwrap().port();
        assert!(me.ports().unwrap().contains(&port) && listener(port).is_some());
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display().to_string();
        assert!(me.written_files().unwrap().contains(&path));
        drop(file);
        assert!(!me.written_files().unwrap().contains(&path));
        assert!(me.parent().unwrap().children().contains(&me));
    }

    #[test]
    fn a_process_that_stands_still_is_what_it_has_become() {
        for _ in 0..200 {
            let words = ["-c", "exec env --ignore-environment A=b sleep 60"];
            let mut child = std::process::Command::new("sh").args(words).spawn().unwrap();
            let process = Process(child.id());
            let is_sleep = || process.executes().is_ok_and(|program| program.ends_with("sleep"));
            while !is_sleep() {}
            let (stood, environment) = (process.stands_still(), process.environment());
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(stood);
            assert_eq!(environment.unwrap(), BTreeMap::from([("A".to_owned(), "b".to_owned())]));
            assert!(!process.stands_still(), "it has ended");
        }
    }

    #[test]
    fn a_descriptor_tells_whether_it_is_for_writing() {
        assert!(is_for_writing("pos:\t0\nflags:\t0100001\n") && is_for_writing("flags:\t02\n"));
        assert!(!is_for_writing("flags:\t0100000\n") && !is_for_writing(""));
    }
}
