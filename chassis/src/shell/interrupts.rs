//! What becomes of Ctrl-C: it ends what is being done, not the shell.

use std::{io, process, sync::Arc};

use rustix::{
    stdio::stdin,
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Every clone is the same.
#[derive(Clone)]
pub(super) struct Interrupts(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Waiting for input.
    Idle,
    Busy,
    /// What is being done is to end.
    Hit,
}

impl Interrupts {
    /// From now on the signals are caught. A script that waits for input is ended by either.
    pub(super) fn catch(at_terminal: bool) -> io::Result<Self> {
        let interrupts = Self(Arc::new(watch::Sender::new(State::Idle)));
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let states = interrupts.0.clone();
        // As it is now: while a line is edited it is another.
        let terminal = tcgetattr(stdin()).ok();
        tokio::spawn(async move {
            loop {
                let ends = tokio::select! {
                    _ = interrupt.recv() => {
                        let hit = states.send_if_modified(|state| {
                            let busy = *state == State::Busy;
                            if busy {
                                *state = State::Hit;
                            }
                            busy
                        });
                        !hit && !at_terminal && *states.borrow() == State::Idle
                    }
                    _ = terminate.recv() => true,
                };
                if ends {
                    if let Some(terminal) = &terminal {
                        // Nothing can be done if it is gone.
                        let _ = tcsetattr(stdin(), OptionalActions::Now, terminal);
                    }
                    process::exit(1);
                }
            }
        });
        Ok(interrupts)
    }

    /// Something is being done until `end`.
    pub(super) fn begin(&self) {
        self.0.send_replace(State::Busy);
    }

    pub(super) fn end(&self) {
        self.0.send_replace(State::Idle);
    }

    /// Whether what is being done is to end.
    pub(super) fn is_hit(&self) -> bool {
        *self.0.borrow() == State::Hit
    }

    /// Waits until what is being done is to end.
    pub(super) async fn hit(&self) {
        // Cannot fail: this very value keeps the channel open.
        let _ = self.0.subscribe().wait_for(|state| *state == State::Hit).await;
    }
}
