//! Ports for deploys that run at once.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that systems give to outgoing connections.
const FIRST: u16 = 20_000;
const COUNT: u16 = 9_000;

/// A port of the loopback interface that nobody listens on. No other call in this process gets the same one;
/// other processes begin elsewhere.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(process::id() * 37 % u32::from(COUNT)).unwrap();
    let candidates = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    candidates
        .take(usize::from(COUNT))
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}
