//! The sockets that the deploy listens on: one per address, accepted from by any number of processes of any release, so
//! that no connection is lost between them.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, RawFd},
    rc::{Rc, Weak},
};

use socket2::{Domain, SockFilter, Socket as RawSocket, Type};

/// Connections that may wait to be accepted; the system has a limit of its own.
const BACKLOG: i32 = 1024;

/// A listening socket. It is closed here when its last process has ended.
#[derive(Debug)]
pub(crate) struct Socket {
    address: SocketAddr,
    raw: RawSocket,
    /// How many processes are to go on accepting from it.
    claims: Cell<usize>,
}

/// A process's claim to a socket, until it is told to stop.
#[derive(Debug)]
pub(crate) struct Claim(Rc<Socket>);

/// The sockets that are open.
#[derive(Debug, Default)]
pub(crate) struct Sockets(RefCell<Vec<Weak<Socket>>>);

impl Sockets {
    /// A claim to the socket with this address, which is opened if need be.
    pub(crate) fn claim(&self, address: SocketAddr) -> io::Result<Claim> {
        let mut known = self.0.borrow_mut();
        known.retain(|socket| socket.strong_count() > 0);
        let open: Vec<Rc<Socket>> = known.iter().filter_map(Weak::upgrade).collect();
        let socket = if let Some(socket) = open.iter().find(|socket| socket.address == address) {
            socket.clone()
        } else {
            let socket = Rc::new(Socket::open(address, &open)?);
            known.push(Rc::downgrade(&socket));
            socket
        };
        socket.claims.set(socket.claims.get() + 1);
        Ok(Claim(socket))
    }
}

impl Socket {
    /// Opens a socket. Another address of a port that is open here already, such as all addresses instead of one, is
    /// no hindrance; anybody else's socket is.
    fn open(address: SocketAddr, others: &[Rc<Self>]) -> io::Result<Self> {
        let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        let same_port = || others.iter().filter(|other| other.address.port() == address.port());
        let share = |shared: bool| {
            let sockets = same_port().map(|other| &other.raw).chain([&socket]);
            sockets.into_iter().try_for_each(|socket| socket.set_reuse_port(shared))
        };
        match socket.bind(&address.into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && same_port().next().is_some() => {
                share(true)?;
                // Listening asks for the address once more.
                let bound = socket.bind(&address.into()).and_then(|()| socket.listen(BACKLOG));
                share(false)?;
                bound?;
            }
            bound => bound.and_then(|()| socket.listen(BACKLOG))?,
        }
        Ok(Self { address, raw: socket, claims: Cell::new(0) })
    }

    /// What a process that stops accepting is to know before: if no other goes on, the system ignores from now on
    /// who begins to connect. They ask again a second later, are refused, and know that nothing of theirs was seen.
    pub(crate) fn one_leaves(&self) {
        // Classic BPF over the TCP header: drops what has SYN but not ACK set, which begins a connection.
        const FILTER: [SockFilter; 5] = [
            SockFilter::new(0x30, 0, 0, 13),       // load the byte with the flags
            SockFilter::new(0x54, 0, 0, 0x12),     // keep SYN and ACK
            SockFilter::new(0x15, 0, 1, 0x02),     // only SYN? else skip one
            SockFilter::new(0x06, 0, 0, 0),        // drop the packet
            SockFilter::new(0x06, 0, 0, u32::MAX), // pass the packet
        ];
        if self.claims.get() == 0 {
            // Where the system cannot do it, a connection begun in the last microseconds may be cut off.
            let _ = self.raw.attach_filter(&FILTER);
        }
    }

    pub(crate) fn as_raw_fd(&self) -> RawFd {
        self.raw.as_raw_fd()
    }
}

impl Claim {
    /// The socket, for as long as the process lives.
    pub(crate) fn socket(&self) -> Rc<Socket> {
        self.0.clone()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.claims.set(self.0.claims.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    fn free_port() -> u16 {
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn one_address_is_one_socket_and_it_is_closed_with_the_last_who_has_it() {
        let sockets = Sockets::default();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (first, second) = (sockets.claim(address).unwrap(), sockets.claim(address).unwrap());
        assert_eq!(first.socket().as_raw_fd(), second.socket().as_raw_fd());
        let process = second.socket();
        drop((first, second));
        TcpStream::connect(address).unwrap();
        drop(process);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn another_address_of_the_same_port_is_opened_beside_it_but_not_beside_anybody_elses() {
        let sockets = Sockets::default();
        let port = free_port();
        let one = sockets.claim((Ipv4Addr::LOCALHOST, port).into()).unwrap();
        let all = sockets.claim((Ipv4Addr::UNSPECIFIED, port).into()).unwrap();
        drop(one);
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let others = Sockets::default().claim((Ipv4Addr::LOCALHOST, port).into());
        assert_eq!(others.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(all);
    }
}
