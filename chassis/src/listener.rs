//! The socket that the web process listens on, and what only the system can do for connections: not to lose those who
//! are connecting, and not to keep those who are gone.

use std::{io, net::SocketAddr};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpStream};

use crate::supervisor;

/// A listening socket, and whether other processes accept from it, too.
pub(crate) struct Listener {
    socket: TcpListener,
    shared: bool,
}

/// Takes the socket that the supervisor has handed down, as systemd does (`sd_listen_fds(3)`). This changes the
/// environment: there must be no second thread yet.
pub(crate) fn inherited() -> io::Result<Option<std::net::TcpListener>> {
    ListenFd::from_env().take_tcp_listener(0)
}

impl Listener {
    /// The socket that was handed down, or one of this process's own.
    pub(crate) async fn open(
        address: SocketAddr,
        inherited: Option<std::net::TcpListener>,
    ) -> io::Result<Self> {
        match inherited {
            None => Ok(Self::of(TcpListener::bind(address).await?, false)),
            Some(socket) => {
                socket.set_nonblocking(true)?;
                Ok(Self::of(TcpListener::from_std(socket)?, true))
            }
        }
    }

    fn of(socket: TcpListener, shared: bool) -> Self {
        bound_buffers(&socket);
        Self { socket, shared }
    }

    /// Whether other processes may accept from the same socket.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }

    /// Ensures that no client connects in vain from now on. New connections to a shared socket are for the other
    /// processes. Only the supervisor, which handed the socket down, knows whether there are any: it is notified.
    pub(crate) async fn leave(&self) {
        if self.shared {
            supervisor::stopping().await;
        } else {
            ignore_newcomers(&self.socket);
        }
    }

    /// Stops listening, and hands over the connections in the queue: their clients believe to be connected already.
    pub(crate) fn close(self, mut open: impl FnMut(TcpStream)) -> io::Result<()> {
        let listener = self.socket.into_std()?;
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            open(TcpStream::from_std(stream)?);
        }
        Ok(())
    }
}

/// Has the system drop new attempts to connect from now on. The clients retry a second later, when nobody listens any
/// more, and are refused. Without this, a client that connects in the instant before the listener closes is cut off,
/// and cannot know whether its request was seen. Where the system cannot do it, that risk of a few microseconds
/// remains.
#[cfg(target_os = "linux")]
fn ignore_newcomers(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};

    // Classic BPF over the TCP header: drops what has SYN but not ACK set, which begins a connection.
    const FILTER: [SockFilter; 5] = [
        SockFilter::new(0x30, 0, 0, 13),       // load the byte with the flags
        SockFilter::new(0x54, 0, 0, 0x12),     // keep SYN and ACK
        SockFilter::new(0x15, 0, 1, 0x02),     // only SYN? else skip one
        SockFilter::new(0x06, 0, 0, 0),        // drop the packet
        SockFilter::new(0x06, 0, 0, u32::MAX), // pass the packet
    ];
    if let Err(error) = SockRef::from(listener).attach_filter(&FILTER) {
        tracing::debug!(%error, "cannot ignore who begins to connect");
    }
}

/// Elsewhere than on Linux, in development only, the risk remains.
#[cfg(not(target_os = "linux"))]
fn ignore_newcomers(_: &TcpListener) {}

/// How much the system keeps for a connection in each direction, about twice this: of a thousand clients who send or read
/// slowly, or not at all, a tenth of a gibibyte. Without it, the system lets one buffer alone grow to megabytes, which
/// count as this process's memory.
#[cfg(target_os = "linux")]
const BUFFER: usize = 24 * 1024;

/// Bounds the buffers of the connections that come in by this socket.
#[cfg(target_os = "linux")]
fn bound_buffers(listener: &TcpListener) {
    let socket = socket2::SockRef::from(listener);
    if let Err(error) = socket.set_send_buffer_size(BUFFER).and_then(|()| socket.set_recv_buffer_size(BUFFER))
    {
        tracing::debug!(%error, "cannot bound the buffers of connections");
    }
}

/// Elsewhere than on Linux, in development only, they are as large as the system likes.
#[cfg(not(target_os = "linux"))]
fn bound_buffers(_: &TcpListener) {}

/// How long a client may leave unread what is sent to it.
#[cfg(target_os = "linux")]
const UNREAD: std::time::Duration = std::time::Duration::from_mins(1);

/// Has the system end the connection when its client is gone without a word, or reads nothing: otherwise each would
/// keep its place among the streams of changes for many minutes, or for good.
#[cfg(target_os = "linux")]
pub(crate) fn give_up_on_the_deaf(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD)) {
        tracing::debug!(%error, "cannot limit how long a client may read nothing");
    }
}

/// Elsewhere than on Linux, in development only, it takes as long as the system takes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn give_up_on_the_deaf(_: &TcpStream) {}
