//! Lines of processes on standard output, many at a time.

use std::io::{self, BufWriter, StdoutLock, Write};

use xtask_contract::{Context, Progress, Result};
use xtask_run::logs::{Line, Sink};

use super::{Ui, output::unless_closed};

/// How lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineForm {
    /// Readable, each with its process in front.
    Readable,
    /// As they were written.
    Raw,
    /// As JSON documents that tell all that is known of each.
    Json,
}

/// Shows lines on standard output.
pub(crate) struct LineSink<'a> {
    ui: &'a Ui,
    form: LineForm,
    out: BufWriter<StdoutLock<'static>>,
    written: io::Result<()>,
    count: u64,
}

impl<'a> LineSink<'a> {
    pub(crate) fn new(ui: &'a Ui, form: LineForm) -> Self {
        let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
        Self { ui, form, out, written: Ok(()), count: 0 }
    }

    /// Whether there was no line.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Ends it; fails if a line could not be written.
    pub(crate) fn end(mut self) -> Result<()> {
        self.pause();
        unless_closed(self.written).doing(|| "writing lines to standard output")
    }

    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        match self.form {
            LineForm::Raw => writeln!(self.out, "{}", line.text),
            LineForm::Json => writeln!(self.out, "{}", line.json()),
            LineForm::Readable => {
                let colours = self.ui.result_colours;
                let prefix = self.ui.prefix(line.process, colours);
                writeln!(self.out, "{prefix} {}", line.readable(colours.are_shown()))
            }
        }
    }
}

impl Sink for LineSink<'_> {
    fn line(&mut self, line: &Line<'_>) -> bool {
        if self.written.is_ok() {
            self.count += 1;
            self.written = self.write(line);
        }
        self.written.is_ok()
    }

    fn pause(&mut self) -> bool {
        if self.written.is_ok() {
            self.written = self.out.flush();
        }
        self.written.is_ok()
    }

    fn note(&mut self, what: &str) {
        // It is about what comes next.
        self.pause();
        self.ui.note(what);
    }
}
