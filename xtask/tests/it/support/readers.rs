//! People who look at a page again and again, one over a connection that is kept and one over a new one each time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::http::Connection;

/// How long one looks at it.
const LOOK: Duration = Duration::from_millis(2);

/// They, at it.
pub(crate) struct Readers {
    over: Arc<AtomicBool>,
    all: [JoinHandle<u32>; 2],
}

impl Readers {
    /// Has them begin.
    pub(crate) fn start(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let all = [true, false].map(|keep_alive| {
            let over = over.clone();
            thread::spawn(move || read(port, keep_alive, &over))
        });
        Self { over, all }
    }

    /// Has them stop, and counts what they have read. No request may have been lost.
    #[track_caller]
    pub(crate) fn stop(self) -> u32 {
        self.over.store(true, Ordering::Relaxed);
        self.all.map(|one| one.join().unwrap()).iter().sum()
    }
}

#[expect(clippy::disallowed_methods, reason = "somebody with a browser takes some time")]
fn read(port: u16, keep_alive: bool, over: &AtomicBool) -> u32 {
    let (mut answered, mut kept) = (0, None);
    while !over.load(Ordering::Relaxed) {
        let mut connection: Connection = kept.take().unwrap_or_else(|| Connection::open(port).unwrap());
        let answer = connection.request("GET /", "", keep_alive).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answered += 1;
        kept = (keep_alive && !answer.closes).then_some(connection);
        thread::sleep(LOOK);
    }
    answered
}
