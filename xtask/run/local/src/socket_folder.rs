//! The folder with a deploy's Unix sockets, which only its owner may enter. They are reached by way of a descriptor
//! of the folder: a socket's path may have 107 bytes, and a checkout's may be longer.

use std::{
    cell::Cell,
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
};

use tokio::net::{UnixDatagram, UnixListener, UnixStream};

/// The name of the socket at which the `run` that is up takes requests.
const CONTROL: &str = "control";

/// The folder.
#[derive(Debug)]
pub(crate) struct SocketFolder {
    folder: File,
    path: PathBuf,
    made: Cell<u32>,
}

impl SocketFolder {
    /// A folder without sockets, whatever an earlier `run` has left.
    pub(crate) fn make(state: &Path) -> io::Result<Self> {
        let path = path(state);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => DirBuilder::new().mode(0o700).create(&path)?,
        }
        Ok(Self { folder: File::open(&path)?, path, made: Cell::new(0) })
    }

    /// Takes requests from now on.
    pub(crate) fn control(&self) -> io::Result<UnixListener> {
        UnixListener::bind(address(&self.folder, CONTROL))
    }

    /// Makes the socket that one process notifies.
    pub(crate) fn notify_socket(&self, process: &str) -> io::Result<NotifySocket> {
        self.made.set(self.made.get() + 1);
        let name = format!("{process}-{}", self.made.get());
        let address = address(&self.folder, &name);
        Ok(NotifySocket { socket: UnixDatagram::bind(&address)?, address, path: self.path.join(name) })
    }

    /// The descriptor by way of which the processes reach their sockets.
    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.folder.as_raw_fd()
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        // Left behind, as by a kill, it is in nobody's way.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Connects to the `run` that is up.
pub(crate) async fn connect(state: &Path) -> io::Result<UnixStream> {
    let folder = File::open(path(state))?;
    UnixStream::connect(address(&folder, CONTROL)).await
}

fn path(state: &Path) -> PathBuf {
    state.join("sockets")
}

fn address(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

/// The `NOTIFY_SOCKET` of one process (`sd_notify(3)`).
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    address: PathBuf,
    path: PathBuf,
}

/// What a process notifies its supervisor of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notification {
    /// Requests are welcome.
    Ready,
    /// It is about to stop accepting.
    Stopping,
    /// Something that does not matter here. What else came with it, such as the pipe whose closing shows that all was
    /// heard, is closed by the system.
    Other,
}

impl NotifySocket {
    /// What the process is told as `NOTIFY_SOCKET`.
    pub(crate) fn address(&self) -> &Path {
        &self.address
    }

    /// The next notification. Safe to give up and call again.
    pub(crate) async fn next(&self) -> Notification {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).await.unwrap_or(0);
        let has = |word: &[u8]| message[..length].split(|byte| *byte == b'\n').any(|line| line == word);
        match (has(b"READY=1"), has(b"STOPPING=1")) {
            (_, true) => Notification::Stopping,
            (true, false) => Notification::Ready,
            (false, false) => Notification::Other,
        }
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        // Left behind, it is in nobody's way.
        let _ = fs::remove_file(&self.path);
    }
}
