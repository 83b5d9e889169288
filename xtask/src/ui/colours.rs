//! Colours, where they are wanted.

use std::{env, io::IsTerminal};

const RED: u8 = 31;
const GREEN: u8 = 32;
const CYAN: u8 = 36;

/// Whether a stream shows colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours(pub(super) bool);

impl Colours {
    /// Colours only on a terminal, and never against the user's will (<https://no-color.org>).
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        Self(stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// Whether there are any.
    pub(super) fn are_shown(self) -> bool {
        self.0
    }

    /// What went wrong.
    pub(crate) fn error(self, text: &str) -> String {
        self.paint(RED, text)
    }

    /// What is no longer there.
    pub(crate) fn removed(self, text: &str) -> String {
        self.paint(RED, text)
    }

    /// What is new.
    pub(crate) fn added(self, text: &str) -> String {
        self.paint(GREEN, text)
    }

    /// A unified diff.
    pub(crate) fn diff(self, text: &str) -> String {
        let line = |line: &str| match line.as_bytes().first() {
            Some(b'-') => self.removed(line),
            Some(b'+') => self.added(line),
            Some(b'@') => self.paint(CYAN, line),
            _ => line.to_owned(),
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// A text in one of the terminal's colours, by its number.
    pub(super) fn paint(self, colour: u8, text: &str) -> String {
        xtask_lines::paint(self.0, colour, text)
    }
}
