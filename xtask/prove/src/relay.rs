//! A port of this machine that leads to another address: a deploy on a node's further port is looked for at this machine's.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Leads all connections to a port of this machine to this address, as long as this process lives. False, if the port is
/// taken.
pub(crate) fn lead(port: u16, to: SocketAddr) -> bool {
    let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else { return false };
    thread::spawn(move || {
        for from in listener.incoming().flatten() {
            // One that cannot be led there sees its connection closed.
            thread::spawn(move || between(&from, &TcpStream::connect(to)?));
        }
    });
    true
}

fn between(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    thread::scope(|scope| {
        scope.spawn(|| copied(other, one));
        copied(one, other)
    })
}

fn copied(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to).map(drop);
    to.shutdown(Shutdown::Write).and(copied)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::{http, stage::free_port};

    #[test]
    fn what_is_said_at_one_end_is_heard_at_the_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free_port().unwrap();
        assert!(lead(port, listener.local_addr().unwrap()));
        assert!(!lead(port, listener.local_addr().unwrap()), "it is taken");
        let mut here = TcpStream::connect(http::here(port)).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        here.write_all(b"hello").unwrap();
        here.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        there.read_to_string(&mut heard).unwrap();
        there.write_all(b"well").unwrap();
        drop(there);
        let mut answer = String::new();
        here.read_to_string(&mut answer).unwrap();
        assert_eq!((&*heard, &*answer), ("hello", "well"));
    }
}
