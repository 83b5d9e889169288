//! Child processes that never outlive this one.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    os::fd::{BorrowedFd, RawFd},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::{
    io::FdFlags,
    process::{Pid, Signal, kill_process, set_parent_process_death_signal},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
};
use xtask_contract::service;

/// An unprivileged user to run a program as.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// A program and what its processes get.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    environment: BTreeMap<String, String>,
    user: Option<User>,
    death_signal: Signal,
    kept_open: Option<RawFd>,
}

impl Program {
    /// The program of an unpacked image.
    pub(super) fn of_image(root: &Path, environment: &BTreeMap<String, String>, kept_open: RawFd) -> Self {
        Self {
            path: root.join(service::NAME),
            environment: environment.clone(),
            user: None,
            death_signal: Signal::TERM,
            kept_open: Some(kept_open),
        }
    }

    /// A program of this machine, which gets messages in English and nothing else.
    pub(super) fn of_machine(
        path: PathBuf,
        user: Option<User>,
        death_signal: Signal,
        kept_open: Option<RawFd>,
    ) -> Self {
        let environment = BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]);
        Self { path, environment, user, death_signal, kept_open }
    }

    /// Starts a process. Its standard streams are pipes; it is in a process group of its own, so that Ctrl-C
    /// reaches only this process, which stops its children in order; the system sends it the program's death
    /// signal should this process die; and it holds on to the lock of the children.
    pub(super) fn spawn(&self, args: &[impl AsRef<std::ffi::OsStr>]) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command
            .args(args.iter().map(OsString::from))
            .env_clear()
            .envs(&self.environment)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        let (signal, parent, kept_open) = (self.death_signal, rustix::process::getpid(), self.kept_open);
        #[expect(
            unsafe_code,
            reason = "no other way to ask for a death signal: it must be done by the child"
        )]
        // SAFETY: between fork and exec only system calls are made; nothing is allocated or locked.
        unsafe {
            command.pre_exec(move || prepare(signal, parent, kept_open));
        }
        command.spawn()
    }
}

fn prepare(signal: Signal, parent: Pid, kept_open: Option<RawFd>) -> io::Result<()> {
    set_parent_process_death_signal(Some(signal))?;
    // The parent may have died before the child could ask to be told.
    if rustix::process::getppid() != Some(parent) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let Some(kept_open) = kept_open else { return Ok(()) };
    #[expect(unsafe_code, reason = "the lock's file is open in the parent for as long as it has children")]
    // SAFETY: see the reason.
    let kept_open = unsafe { BorrowedFd::borrow_raw(kept_open) };
    rustix::io::fcntl_setfd(kept_open, FdFlags::empty())?;
    Ok(())
}

/// Sends a signal to a process that has not been waited for.
pub(super) fn send(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended just now; then there is nothing to stop.
        let _ = kill_process(pid, signal);
    }
}

/// The lines of a stream. Bytes that are not UTF-8 are replaced.
pub(super) struct Lines<R> {
    stream: BufReader<R>,
    partial: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn of(stream: R) -> Self {
        Self { stream: BufReader::new(stream), partial: Vec::new() }
    }

    /// The next line, without its end. Safe to give up and call again: what was read of a line is kept.
    pub(super) async fn next(&mut self) -> Option<String> {
        let read = self.stream.read_until(b'\n', &mut self.partial).await;
        let line = std::mem::take(&mut self.partial);
        match read {
            Err(_) | Ok(0) if line.is_empty() => None,
            _ => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}
