//! What the system says of a process: observed, where others assume.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

use rustix::process::Signal;
use xtask_contract::Digest;

use crate::machine::Machine;

/// A process, as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) id: u32,
    machine: Machine,
}

impl Process {
    /// A process of this machine.
    pub(crate) fn here(id: u32) -> Self {
        Self::of(Machine::This, id)
    }

    /// A process of that machine.
    pub(crate) fn of(machine: Machine, id: u32) -> Self {
        Self { id, machine }
    }

    fn place(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.id.to_string()).join(name)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.machine.read(&self.place(name))
    }

    fn text(&self, name: &str) -> io::Result<String> {
        self.read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The parts of a file between zeros.
    fn words(&self, name: &str) -> io::Result<Vec<String>> {
        let bytes = self.read(name)?;
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        Ok(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    /// Whether it is there, and has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        self.state().is_some_and(|state| !matches!(state, 'Z' | 'X'))
    }

    /// `R`, `S`, `T` and the like, as `proc_pid_stat(5)` has them; none, if it is gone.
    fn state(&self) -> Option<char> {
        self.text("stat").ok()?.rsplit_once(") ")?.1.chars().next()
    }

    /// Has it stand still, and waits until it does: one in the midst of executing another program has no environment yet,
    /// and stops when that is done. False, if it ends before.
    pub(crate) fn stands_still(&self) -> bool {
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
    pub(crate) fn environment(&self) -> io::Result<BTreeMap<String, String>> {
        let all = self.words("environ")?;
        let pair = |one: &String| one.split_once('=').map(|(name, value)| (name.into(), value.into()));
        Ok(all.iter().filter_map(pair).collect())
    }

    /// Its arguments, the name of its program among them.
    pub(crate) fn arguments(&self) -> io::Result<Vec<String>> {
        self.words("cmdline")
    }

    /// The digest of the program that it executes.
    pub(crate) fn program(&self) -> io::Result<Digest> {
        self.read("exe").map(Digest::of)
    }

    /// Where the program is that it executes.
    pub(crate) fn executes(&self) -> io::Result<PathBuf> {
        self.machine.link(&self.place("exe"))
    }

    /// Sends it a signal. One that has ended hears none.
    pub(crate) fn signal(&self, signal: Signal) {
        self.machine.signal(self.id, signal);
    }

    /// A line of its status, by its name.
    fn status(&self, name: &str) -> io::Result<String> {
        let status = self.text("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default())
    }

    /// The user and the group that it acts as.
    pub(crate) fn user(&self) -> io::Result<(String, String)> {
        Ok((self.status("Uid:")?, self.status("Gid:")?))
    }

    /// Whether it is the one that its container was made for.
    pub(crate) fn is_first_of_its_container(&self) -> bool {
        self.status("NSpid:").is_ok_and(|numbers| numbers.split(' ').next_back() == Some("1"))
    }

    /// Its limits, as the system shows them.
    pub(crate) fn limits(&self) -> io::Result<String> {
        self.text("limits")
    }

    /// Its parent.
    pub(crate) fn parent(&self) -> Option<Self> {
        let stat = self.text("stat").ok()?;
        let id = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        Some(Self::of(self.machine.clone(), id))
    }

    /// The processes that its first thread has started and that are there.
    pub(crate) fn children(&self) -> Vec<Self> {
        let children = self.text(&format!("task/{}/children", self.id)).unwrap_or_default();
        let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
        ids.map(|id| Self::of(self.machine.clone(), id)).collect()
    }

    /// What it has mapped into its memory from files: its program, and the libraries that it is linked to.
    pub(crate) fn mapped(&self) -> io::Result<BTreeSet<String>> {
        let maps = self.text("maps")?;
        let path = |line: &str| {
            let path = line.splitn(6, ' ').nth(5)?.trim();
            path.starts_with('/').then(|| path.trim_end_matches(" (deleted)").to_owned())
        };
        Ok(maps.lines().filter_map(path).collect())
    }

    /// The files that it may write to.
    pub(crate) fn written_files(&self) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for (number, target) in self.machine.links(&self.place("fd"))? {
            let is_file = target.is_absolute() && !target.starts_with("/dev") && !is_held(&target);
            if is_file && self.text(&format!("fdinfo/{number}")).is_ok_and(|about| is_for_writing(&about)) {
                files.push(target.display().to_string());
            }
        }
        Ok(files)
    }

    /// The ports at which it listens by sockets of its own.
    pub(crate) fn ports(&self) -> io::Result<BTreeSet<u16>> {
        let links = self.machine.links(&self.place("fd"))?;
        let sockets: BTreeSet<String> = links
            .into_iter()
            .filter_map(|(_, target)| {
                let target = target.to_string_lossy().into_owned();
                Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
            })
            .collect();
        let mut ports = BTreeSet::new();
        for table in ["net/tcp", "net/tcp6"] {
            let table = self.text(table).unwrap_or_default();
            ports.extend(
                listening(&table).filter(|(_, inode)| sockets.contains(*inode)).map(|(port, _)| port),
            );
        }
        Ok(ports)
    }
}

/// The process that listens at a port of this machine, if it can be seen.
pub(crate) fn listener(port: u16) -> Option<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut all = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Process::here));
    all.find(|process| process.ports().is_ok_and(|ports| ports.contains(&port)))
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
        let me = Process::here(std::process::id());
        assert!(me.is_alive() && !Process::here(u32::MAX).is_alive());
        assert!(me.environment().unwrap().contains_key("PATH"));
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listening.local_addr().unwrap().port();
        assert!(me.ports().unwrap().contains(&port) && listener(port).is_some());
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display().to_string();
        assert!(me.written_files().unwrap().contains(&path));
        drop(file);
        assert!(!me.written_files().unwrap().contains(&path));
        let mut shell = std::process::Command::new("sh").args(["-c", "sleep 60; true"]).spawn().unwrap();
        let started = Process::here(shell.id());
        assert_eq!(started.parent(), Some(me));
        while started.children().is_empty() {}
        started.children()[0].signal(Signal::KILL);
        shell.wait().unwrap();
    }

    #[test]
    fn a_process_that_stands_still_is_what_it_has_become() {
        for _ in 0..200 {
            let words = ["-c", "exec env --ignore-environment A=b sleep 60"];
            let mut child = std::process::Command::new("sh").args(words).spawn().unwrap();
            let process = Process::here(child.id());
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
