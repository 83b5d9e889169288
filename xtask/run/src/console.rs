//! Where a one-off process gets its input from, and its output goes to.

use std::{io, pin::Pin};

use tokio::sync::mpsc::Receiver;
use xtask_contract::Result;

/// Where a one-off process on a cluster gets its input from, and its output goes to.
pub trait Console {
    /// The kind of terminal (`TERM`) that a person sits at, if one does; then the process has a terminal, too.
    fn terminal(&self) -> Option<String>;

    /// The terminal's columns and rows.
    fn size(&self) -> (u16, u16);

    /// Whether the process is to get any input.
    fn has_input(&self) -> bool;

    /// Begins to read the input, which ends with the sender. From here on, what is typed is for the process.
    fn open(&mut self) -> Result<Receiver<Vec<u8>>>;

    /// Shows what the process has written.
    fn show(&mut self, output: &[u8]) -> io::Result<()>;

    /// Waits until nobody reads what is shown.
    fn closed(&self) -> Pin<Box<dyn Future<Output = ()>>>;
}
