//! Standard input and output as the console of a process that runs elsewhere.

use std::{
    env, fs,
    io::{self, IsTerminal, Read, Write},
    os::unix::fs::FileTypeExt,
    pin::Pin,
    thread,
};

use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc::{Receiver, channel};
use xtask_contract::{Context, Result};
use xtask_run::Console;

use super::{
    Ui,
    ask::Restore,
    output::{closed, unless_closed},
};

/// What a terminal is taken for that does not say.
const USUAL: &str = "xterm";

/// Set back to what it was when dropped, if it is a terminal.
pub(crate) struct Streams<'a> {
    ui: &'a Ui,
    before: Option<Restore>,
}

impl<'a> Streams<'a> {
    pub(crate) fn new(ui: &'a Ui) -> Self {
        Self { ui, before: None }
    }
}

impl Console for Streams<'_> {
    fn terminal(&self) -> Option<String> {
        let person = io::stdin().is_terminal() && io::stdout().is_terminal();
        person.then(|| env::var("TERM").unwrap_or_else(|_| USUAL.to_owned()))
    }

    /// Whatever is piped in; /dev/null, the usual stand-in for nothing, is a device.
    fn has_input(&self) -> bool {
        let device = fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_char_device());
        !device || self.terminal().is_some()
    }

    fn size(&self) -> (u16, u16) {
        let size = tcgetwinsize(io::stdin()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
        if size.0 == 0 { (80, 24) } else { size }
    }

    fn open(&mut self) -> Result<Receiver<Vec<u8>>> {
        self.ui.finish_step();
        if self.terminal().is_some() {
            let doing = || "handing the terminal over";
            let mut raw = tcgetattr(io::stdin()).doing(doing)?;
            self.before = Some(Restore(raw.clone()));
            raw.make_raw();
            tcsetattr(io::stdin(), OptionalActions::Now, &raw).doing(doing)?;
        }
        let (send, input) = channel(16);
        // A thread of its own: no read that waits for a key keeps this process from ending.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = io::stdin().read(&mut buffer) {
                if send.blocking_send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(input)
    }

    fn show(&mut self, output: &[u8]) -> io::Result<()> {
        self.ui.finish_step();
        let mut stdout = io::stdout().lock();
        // What was closed ends the command by `closed`.
        unless_closed(stdout.write_all(output).and_then(|()| stdout.flush()))
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(closed())
    }
}
