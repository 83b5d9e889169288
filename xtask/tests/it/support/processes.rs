//! Processes of this machine, and the wait for their end.

use std::{
    collections::BTreeSet,
    fs,
    os::fd::OwnedFd,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

/// A process that dies when it does what it is to die of. It may do that before it is known which one it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Victim(Arc<OnceLock<Pid>>);

impl Victim {
    /// It is this one.
    pub(crate) fn is(&self, pid: Pid) {
        self.0.set(pid).unwrap();
    }

    /// Kills it.
    pub(crate) fn dies(&self) {
        kill_process(*self.0.wait(), Signal::KILL).unwrap();
    }
}

/// A process and all that it has started, directly or not, at one moment.
pub(crate) struct Tree(Vec<Process>);

struct Process {
    id: i32,
    command: String,
    handle: OwnedFd,
}

impl Tree {
    /// The process and its descendants, as they are now.
    pub(crate) fn of(root: Pid) -> Self {
        let mut found = BTreeSet::from([root.as_raw_nonzero().get()]);
        let parents = parents();
        while let Some((child, _)) =
            parents.iter().find(|(child, parent)| found.contains(parent) && !found.contains(child))
        {
            found.insert(*child);
        }
        Self(found.into_iter().filter_map(Process::open).collect())
    }

    /// The process whose command line has this text in it.
    #[track_caller]
    pub(crate) fn find(&self, text: &str) -> Pid {
        self.finds(text).unwrap_or_else(|| panic!("no process is {text:?}: {:?}", self.commands()))
    }

    /// The process whose command line has this text in it, if there is one.
    pub(crate) fn finds(&self, text: &str) -> Option<Pid> {
        let found = self.0.iter().find(|process| process.command.contains(text))?;
        Pid::from_raw(found.id)
    }

    /// How many processes there were.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Waits until all of them are gone.
    #[track_caller]
    pub(crate) fn is_gone_within(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for process in &self.0 {
            let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).unwrap();
            let ended = poll(&mut [PollFd::new(&process.handle, PollFlags::IN)], Some(&left)).unwrap() == 1;
            assert!(ended, "process {} is still there: {}", process.id, process.command);
        }
    }

    /// How many have this text in their command lines.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.0.iter().filter(|process| process.command.contains(text)).count()
    }

    fn commands(&self) -> Vec<&str> {
        self.0.iter().map(|process| process.command.as_str()).collect()
    }
}

impl Process {
    fn open(id: i32) -> Option<Self> {
        let handle = pidfd_open(Pid::from_raw(id)?, PidfdFlags::empty()).ok()?;
        let command = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?.replace('\0', " ");
        Some(Self { id, command, handle })
    }
}

/// All processes and their parents.
fn parents() -> Vec<(i32, i32)> {
    let parent = |id: i32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // "12 (a name) S 1 …": the name may hold anything, the last bracket ends it.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id| Some((id, parent(id)?))).collect()
}
