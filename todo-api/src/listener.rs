//! How to stop listening without losing those who are connecting.

use std::io;

use tokio::net::{TcpListener, TcpStream};

/// Has the system ignore everyone who begins to connect from now on. They ask again a second later, when nobody listens
/// any more, and are refused; without this, whoever connects in the instant before the listener closes is cut off, and
/// cannot know whether the request was seen. Where the system cannot do it, that risk of a few microseconds remains.
#[cfg(target_os = "linux")]
pub(crate) fn ignore_newcomers(listener: &TcpListener) {
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
pub(crate) fn ignore_newcomers(_: &TcpListener) {}

/// Stops listening, and hands over the connections in the queue: their clients believe to be connected already.
pub(crate) fn close(listener: TcpListener, mut open: impl FnMut(TcpStream)) -> io::Result<()> {
    let listener = listener.into_std()?;
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        open(TcpStream::from_std(stream)?);
    }
    Ok(())
}
