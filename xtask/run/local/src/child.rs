//! Child processes that never outlive this one.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io,
    mem::ManuallyDrop,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
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

use crate::{executable::Executable, socket::Socket, socket_folder::NotifySocket};

/// The descriptor at which a process finds the socket that it is to accept from, as `sd_listen_fds(3)` has it.
const LISTEN_FD: RawFd = 3;

/// An unprivileged user to run a program as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A program and what its processes get.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    what: What,
    /// What it is called in lists of processes.
    called: PathBuf,
    environment: BTreeMap<String, String>,
    user: Option<User>,
    death_signal: Signal,
    kept_open: Vec<RawFd>,
}

/// What is executed.
#[derive(Debug, Clone)]
enum What {
    /// A program of this machine.
    Machine,
    /// An image's.
    Image(Executable),
}

impl Program {
    /// The program of an image, called as if it were in this folder.
    pub(crate) fn of_image(
        executable: Executable,
        folder: &Path,
        environment: BTreeMap<String, String>,
        kept_open: &[RawFd],
    ) -> Self {
        let called = executable.called_in(folder);
        Self {
            what: What::Image(executable),
            called,
            environment,
            user: None,
            death_signal: Signal::TERM,
            kept_open: kept_open.to_vec(),
        }
    }

    /// A program of this machine, which gets messages in English and nothing else.
    pub(crate) fn of_machine(
        path: PathBuf,
        user: Option<User>,
        death_signal: Signal,
        kept_open: &[RawFd],
    ) -> Self {
        let environment = BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]);
        let (what, called) = (What::Machine, path);
        Self { what, called, environment, user, death_signal, kept_open: kept_open.to_vec() }
    }

    /// Starts a process. Its standard streams are pipes; it is in a process group of its own, so that Ctrl-C
    /// reaches only this process, which stops its children in order; the system sends it the program's death
    /// signal should this process die; and it holds on to the locks that it was given. It accepts from this socket
    /// and notifies this socket how it is.
    pub(crate) fn spawn(
        &self,
        args: &[impl AsRef<std::ffi::OsStr>],
        socket: Option<&Socket>,
        notify_socket: Option<&NotifySocket>,
    ) -> io::Result<Child> {
        let path = match &self.what {
            What::Machine => self.called.clone(),
            What::Image(executable) => executable.path(),
        };
        let mut command = Command::new(path);
        command
            .arg0(&self.called)
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
        if let Some(notify_socket) = notify_socket {
            command.env("NOTIFY_SOCKET", notify_socket.address());
        }
        let socket = socket.map(|socket| {
            // Without LISTEN_PID, which nobody knows before the child is there: it keeps a grandchild from taking the
            // socket for its own, and here nobody inherits an environment.
            command.env("LISTEN_FDS", "1");
            socket.as_raw_fd()
        });
        let (signal, parent, kept_open) =
            (self.death_signal, rustix::process::getpid(), self.kept_open.clone());
        #[expect(
            unsafe_code,
            reason = "no other way to ask for a death signal: it must be done by the child"
        )]
        // SAFETY: between fork and exec only system calls are made; nothing is allocated or locked.
        unsafe {
            command.pre_exec(move || prepare(signal, parent, &kept_open, socket));
        }
        command.spawn()
    }
}

/// Keeps [`LISTEN_FD`] from being anything that a child needs: it is taken, as long as this lives, by something else.
/// To be made before the files of any lock are opened.
pub(crate) fn reserve_listen_fd() -> io::Result<OwnedFd> {
    let something = OwnedFd::from(File::open("/dev/null")?);
    if something.as_raw_fd() == LISTEN_FD {
        return Ok(something);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(something, LISTEN_FD)?)
}

fn prepare(signal: Signal, parent: Pid, kept_open: &[RawFd], socket: Option<RawFd>) -> io::Result<()> {
    set_parent_process_death_signal(Some(signal))?;
    // The parent may have died before the child could ask to be told.
    if rustix::process::getppid() != Some(parent) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    for kept_open in kept_open {
        #[expect(unsafe_code, reason = "a lock's file is open in the parent for as long as it has children")]
        // SAFETY: see the reason.
        let kept_open = unsafe { BorrowedFd::borrow_raw(*kept_open) };
        rustix::io::fcntl_setfd(kept_open, FdFlags::empty())?;
    }
    if let Some(socket) = socket {
        #[expect(
            unsafe_code,
            reason = "the socket is open in the parent, and what else was at its new place is not"
        )]
        // SAFETY: see the reason; the new place is never dropped, as it is the program's.
        let (socket, mut place) =
            unsafe { (BorrowedFd::borrow_raw(socket), ManuallyDrop::new(OwnedFd::from_raw_fd(LISTEN_FD))) };
        rustix::io::dup2(socket, &mut place)?;
    }
    Ok(())
}

/// Sends a signal to a process that has not been waited for.
pub(crate) fn send(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended just now; then there is nothing to stop.
        let _ = kill_process(pid, signal);
    }
}

/// The lines of a stream. Bytes that are not UTF-8 are replaced.
pub(crate) struct Lines<R> {
    stream: BufReader<R>,
    partial: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn of(stream: R) -> Self {
        Self { stream: BufReader::new(stream), partial: Vec::new() }
    }

    /// The next line, without its end. Safe to give up and call again: what was read of a line is kept.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let read = self.stream.read_until(b'\n', &mut self.partial).await;
        let line = std::mem::take(&mut self.partial);
        match read {
            Err(_) | Ok(0) if line.is_empty() => None,
            _ => Some(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}
