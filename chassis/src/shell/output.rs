//! Standard output, for as long as it takes what is written.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, Write},
    rc::Rc,
};

/// Every clone is the same.
#[derive(Clone, Default)]
pub(super) struct Output(Rc<RefCell<Option<io::Error>>>);

impl Output {
    /// Writes a line, unless one could not be written before.
    pub(super) fn line(&self, text: &str) {
        let mut failure = self.0.borrow_mut();
        if failure.is_none() {
            *failure = writeln!(io::stdout(), "{text}").err();
        }
    }

    /// Whether a line could not be written: there is no use in going on.
    pub(super) fn is_lost(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Why it was lost. Nothing is wrong if its reader has seen enough.
    pub(super) fn end(&self) -> Result<(), String> {
        match self.0.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(format!("cannot write to standard output: {error}"))
            }
            _ => Ok(()),
        }
    }
}
