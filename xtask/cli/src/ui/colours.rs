//! Colours, where they are wanted.

use std::{env, io::IsTerminal};

/// Whether a stream shows colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours(pub(super) bool);

impl Colours {
    /// Colours only on a terminal, and never against the user's will (<https://no-color.org>).
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        Self(stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// Whether there are any.
    pub(super) fn are_shown(self) -> bool {
        self.0
    }

    /// A text in one of the terminal's colours, by its number.
    pub(super) fn paint(self, colour: u8, text: &str) -> String {
        xtask_lines::paint(self.0, colour, text)
    }
}
