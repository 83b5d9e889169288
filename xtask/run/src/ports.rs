//! Whether a port of this machine is free.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// An error if nobody could listen there now.
pub fn free(address: SocketAddr) -> io::Result<()> {
    TcpListener::bind(address).map(drop)
}

/// Why nobody can.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        _ => error.to_string(),
    }
}
