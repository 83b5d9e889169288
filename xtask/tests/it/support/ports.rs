//! Ports for deploys that run at once.

use std::{
    cell::RefCell,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that systems give to outgoing connections.
const FIRST: u16 = 20_000;
const COUNT: u16 = 9_000;

thread_local! {
    /// What says that ports are taken, for as long as the test that has them: it has a thread of its own.
    static TAKEN: RefCell<Vec<UnixDatagram>> = const { RefCell::new(Vec::new()) };
}

/// A port of the loopback interface that nobody listens on, and that no other test on this machine gets before this one
/// has ended. To be called by the test's own thread.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(process::id() * 37 % u32::from(COUNT)).unwrap();
    let candidates = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    candidates
        .take(usize::from(COUNT))
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|port| take(*port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}

/// Whether nobody else has taken the port. The name of a socket in no folder is known where the port is, and given back
/// by the system whatever becomes of the process.
fn take(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(format!("xtask-test-port-{port}")).unwrap();
    let taken = UnixDatagram::bind_addr(&name);
    taken.map(|socket| TAKEN.with_borrow_mut(|all| all.push(socket))).is_ok()
}

#[test]
fn a_port_is_of_one_test_for_as_long_as_that_runs() {
    let port = free();
    let taken_by_another = || std::thread::spawn(move || take(port)).join().unwrap();
    assert!(!taken_by_another());
    TAKEN.take();
    assert!(taken_by_another());
    assert!(taken_by_another(), "the one before has ended");
}
