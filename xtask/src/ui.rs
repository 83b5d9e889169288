//! All that is printed. Words for people go to standard error; standard output carries the result.

use std::{
    cell::RefCell,
    env,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use xtask_contract::{Error, Progress};

/// The colours that process names take in turn.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];
const RED: u8 = 31;

/// The terminal, or whatever stands in its place.
pub(crate) struct Ui {
    json: bool,
    colour: bool,
    /// The line that shows the step under way, on a terminal.
    spinner: Option<ProgressBar>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    step: String,
    processes: Vec<String>,
}

impl Ui {
    /// A terminal that shows results as JSON or in words.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let colour = terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, colour, spinner: terminal.then(spinner), state: RefCell::default() }
    }

    /// Shows a result: the words, or the document.
    pub(crate) fn result(&self, words: &str, document: &impl Serialize) {
        self.finish_step();
        let text =
            if self.json { serde_json::to_string(document).unwrap_or_default() } else { words.to_owned() };
        let mut stdout = io::stdout();
        // Whoever closed the pipe does not want to know.
        let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    }

    /// Whether standard output is for one JSON document alone.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Shows why a command failed.
    pub(crate) fn error(&self, error: &Error) {
        self.finish_step();
        self.print(&format!("{}: {error}", self.paint(RED, "error")));
    }

    /// Ends the step under way, so that nothing on the screen claims to be going on.
    pub(crate) fn finish_step(&self) {
        self.state.borrow_mut().step.clear();
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }

    fn print(&self, line: &str) {
        let print = || {
            let _ = writeln!(io::stderr(), "{line}");
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(print),
            None => print(),
        }
    }

    fn paint(&self, colour: u8, text: &str) -> String {
        if self.colour { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn colour_of(&self, process: &str) -> u8 {
        let processes = &mut self.state.borrow_mut().processes;
        let place = processes.iter().position(|known| known == process).unwrap_or_else(|| {
            processes.push(process.to_owned());
            processes.len() - 1
        });
        COLOURS[place % COLOURS.len()]
    }
}

impl Progress for Ui {
    fn step(&self, what: &str) {
        if self.state.borrow().step == what {
            return;
        }
        what.clone_into(&mut self.state.borrow_mut().step);
        match &self.spinner {
            Some(spinner) => {
                spinner.reset();
                spinner.enable_steady_tick(Duration::from_millis(100));
                spinner.set_message(what.to_owned());
            }
            None => self.print(&format!("{what} …")),
        }
    }

    fn detail(&self, what: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(format!("{}: {what}", self.state.borrow().step));
        }
    }

    fn note(&self, what: &str) {
        self.print(what);
    }

    fn line(&self, process: &str, line: &str) {
        let prefix = self.paint(self.colour_of(process), &format!("{process:<10}|"));
        self.print(&format!("{prefix} {line}"));
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
