//! Standard output, which may be a pipe that its reader closes, or a file on a disk that is full.

use std::{
    cell::{Cell, RefCell},
    io::{self, ErrorKind, Write},
    thread,
};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::oneshot;
use xtask_contract::{Context, Result};

/// Standard output, and why something could not be written to it.
#[derive(Default)]
pub(super) struct Output {
    failure: RefCell<Option<io::Error>>,
    lines: Cell<u64>,
}

impl Output {
    /// Writes a line, unless one could not be written before.
    pub(super) fn line(&self, text: &str) {
        let mut failure = self.failure.borrow_mut();
        if failure.is_none() {
            let mut stdout = io::stdout();
            *failure = writeln!(stdout, "{text}").and_then(|()| stdout.flush()).err();
            self.lines.update(|lines| lines + 1);
        }
    }

    /// Whether nothing was written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.get() == 0
    }

    /// Fails if something could not be written.
    pub(super) fn end(&self) -> Result<()> {
        unless_closed(self.failure.take().map_or(Ok(()), Err))
            .doing(|| "writing the result to standard output")
    }
}

/// The same, but a reader that has closed the pipe has seen enough, and that is no failure.
pub(super) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Waits until standard output is a pipe that nobody reads.
pub(super) async fn closed() {
    let (send, receive) = oneshot::channel();
    when_closed(|| {
        let _ = send.send(());
    });
    let _ = receive.await;
}

/// Does this once standard output is a pipe that nobody reads; for what waits without looking at it.
pub(crate) fn when_closed(then: impl FnOnce() + Send + 'static) {
    // A thread of its own, which ends with the process: epoll takes no files, and standard output may be one.
    thread::spawn(move || {
        let stdout = io::stdout();
        // Without any event asked for, it tells errors alone.
        while let Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(&stdout, PollFlags::empty())], None) {
        }
        then();
    });
}
