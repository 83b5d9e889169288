//! The keys that are pressed while the loop goes on.

use std::{
    future,
    io::{self, Read},
    thread,
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use xtask_contract::Result;

use crate::ui::{Restore, Ui};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Rebuild,
    Open,
    OnlyErrors,
    Clear,
    Quit,
    /// Agrees to what was asked.
    Yes,
    /// Any other.
    None,
}

impl Key {
    fn of(byte: u8) -> Self {
        match byte {
            b'r' => Self::Rebuild,
            b'o' => Self::Open,
            b'l' => Self::OnlyErrors,
            b'c' => Self::Clear,
            b'q' => Self::Quit,
            b'y' => Self::Yes,
            _ => Self::None,
        }
    }
}

/// The keyboard, each key by itself, until this is dropped; none where nobody sits at a terminal.
pub(super) struct Keys(Option<(UnboundedReceiver<Key>, Restore)>);

impl Keys {
    pub(super) fn listen() -> Result<Self> {
        let Some(restore) = Ui::key_by_key()? else { return Ok(Self(None)) };
        let (send, keys) = unbounded_channel();
        // A thread of its own: no read that waits for a key keeps this process from ending.
        thread::spawn(move || {
            let mut byte = [0];
            while let Ok(1) = io::stdin().read(&mut byte) {
                if send.send(Key::of(byte[0])).is_err() {
                    return;
                }
            }
            // The terminal is gone, and nobody sits at it any more.
            let _ = send.send(Key::Quit);
        });
        Ok(Self(Some((keys, restore))))
    }

    /// Whether there are any.
    pub(super) fn are_there(&self) -> bool {
        self.0.is_some()
    }

    /// The next one. Safe to give up.
    pub(super) async fn next(&mut self) -> Key {
        if let Some((keys, _)) = &mut self.0
            && let Some(key) = keys.recv().await
        {
            return key;
        }
        future::pending().await
    }
}
