//! All that is printed. Words for people go to standard error; standard output carries the result.

mod ask;
mod colours;
mod console;
mod diff;
mod events;
mod lines;
mod output;
mod text;

pub(crate) use ask::Restore;
use colours::Colours;
pub(crate) use console::Streams;
pub(crate) use diff::unified;
use events::{Event, Failure, Timed};
pub(crate) use lines::{LineForm, LineSink};
use output::Output;
pub(crate) use output::when_closed;
pub(crate) use text::Text;
use text::json;
pub(crate) use xtask_lines::escape;

use std::{
    cell::RefCell,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use xtask_contract::{Error, Progress, Result, progress::Rollout};
use xtask_lines::Line;

/// The colours that process names take in turn.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// The document of a command that failed.
#[derive(Serialize)]
struct FailureDocument<'a> {
    error: Failure<'a>,
}

/// How wide a prefix is at least.
const PREFIX: usize = 10;

/// The form in which the result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In words.
    Words,
    /// As one JSON document.
    Document,
    /// As one JSON document in a line for each event, the result being the last one.
    Events,
}

/// The terminal, or whatever stands in its place.
pub(crate) struct Ui {
    form: Form,
    colours: Colours,
    result_colours: Colours,
    /// The lines that show what is under way, on a terminal.
    lines: Option<Lines>,
    output: Output,
    began: Instant,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    step: String,
    processes: Vec<String>,
    /// How wide prefixes are: as the widest so far.
    width: usize,
    rollout: Vec<Rollout>,
}

/// A line for the step under way, and below it one for each process type that is rolled out.
struct Lines {
    all: MultiProgress,
    step: ProgressBar,
    /// The status line of a command that goes on, below all else.
    status: RefCell<Option<ProgressBar>>,
    processes: RefCell<Vec<ProgressBar>>,
}

impl Ui {
    /// A terminal that shows results in this form.
    pub(crate) fn new(form: Form) -> Self {
        let terminal = io::stderr().is_terminal();
        let (colours, result_colours) = (Colours::of(&io::stderr()), Colours::of(&io::stdout()));
        let lines = terminal.then(Lines::new);
        let (output, began, state) = (Output::default(), Instant::now(), RefCell::default());
        Self { form, colours, result_colours, lines, output, began, state }
    }

    /// Shows a result: the words, or the document.
    pub(crate) fn result(&self, words: impl Into<Text>, document: &impl Serialize) {
        self.finish_step();
        match self.form {
            Form::Words => self.output.line(&words.into().shown(self.result_colours)),
            Form::Document => self.output.line(&json(document)),
            Form::Events => {
                self.event(&Event::Done { result: serde_json::to_value(document).unwrap_or_default() });
            }
        }
    }

    /// Fails if the result could not be written.
    pub(crate) fn end(&self) -> Result<()> {
        self.output.end()
    }

    /// Shows a value that is the whole result: to a program as it is, to a person as a text.
    pub(crate) fn value(&self, value: &str, document: &impl Serialize) {
        if self.form == Form::Words && !io::stdout().is_terminal() {
            self.finish_step();
            self.output.line(value);
        } else {
            self.result(Text::block(value), document);
        }
    }

    /// Shows what a person should know and that stays on the screen.
    pub(crate) fn tell(&self, what: impl Into<Text>) {
        let text = what.into();
        self.event(&Event::Note { text: text.words() });
        self.print(&text.shown(self.colours));
    }

    /// Whether standard output is for one JSON document alone.
    pub(crate) fn is_json(&self) -> bool {
        self.form != Form::Words
    }

    /// Shows why a command failed.
    pub(crate) fn error(&self, error: &Error) {
        self.finish_step();
        self.document_of(error);
        self.print(&Text::of_error(error).shown(self.colours));
    }

    /// Writes why a command failed for a program that has asked for documents. A person has read it already.
    pub(crate) fn document_of(&self, error: &Error) {
        let failure = Failure::of(error);
        match self.form {
            Form::Events => self.event(&Event::Failed(failure)),
            // A command may have shown what it is that failed: that is its document.
            Form::Document if self.output.is_empty() => {
                self.output.line(&json(&FailureDocument { error: failure }));
            }
            Form::Words | Form::Document => {}
        }
    }

    /// Shows a line below all else, on a terminal, until there is another.
    pub(crate) fn status(&self, what: &str) {
        if let Some(lines) = &self.lines {
            lines.status(&escape(what));
        }
    }

    /// Takes all that was shown so far off the terminal.
    pub(crate) fn clear_screen(&self) {
        if let Some(lines) = &self.lines {
            let _ = lines.all.clear();
            self.print("\u{1b}[2J\u{1b}[3J\u{1b}[H");
        }
    }

    /// Shows what has happened to a program, and the words for it to a person.
    pub(crate) fn happened(&self, words: impl Into<Text>, event: &impl Serialize) {
        self.finish_step();
        let text = words.into();
        self.event(&Event::Dev(serde_json::to_value(event).unwrap_or_default()));
        if !text.words().is_empty() {
            self.print(&text.shown(self.colours));
        }
    }

    /// Whether colours are shown.
    pub(crate) fn has_colours(&self) -> bool {
        self.colours.are_shown()
    }

    /// Shows what the compiler has written, in its own colours.
    pub(crate) fn compiler(&self, text: &str) {
        self.print(text.trim_end());
    }

    /// Ends the step under way, so that nothing on the screen claims to be going on.
    pub(crate) fn finish_step(&self) {
        let mut state = self.state.borrow_mut();
        state.step.clear();
        state.rollout.clear();
        if let Some(lines) = &self.lines {
            lines.clear();
        }
    }

    /// Writes an event, where events are asked for.
    fn event(&self, event: &Event<'_>) {
        if self.form == Form::Events {
            let at_ms = self.began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.output.line(&json(&Timed { event, at_ms }));
        }
    }

    /// Writes what is escaped already.
    fn print(&self, shown: &str) {
        let print = || {
            let _ = writeln!(io::stderr(), "{shown}");
        };
        match &self.lines {
            Some(lines) => lines.all.suspend(print),
            None => print(),
        }
    }

    /// What stands in front of a process's lines.
    fn prefix(&self, process: &str, colours: Colours) -> String {
        let process = escape(process);
        let colour = self.colour_of(&process);
        let width = &mut self.state.borrow_mut().width;
        *width = (*width).max(process.chars().count() + 1).max(PREFIX);
        colours.paint(colour, &format!("{process:<width$}|", width = *width))
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
        self.event(&Event::Step { text: what });
        match &self.lines {
            Some(lines) => lines.step(what),
            None => self.print(&format!("{} …", escape(what))),
        }
    }

    fn detail(&self, what: &str) {
        if let Some(lines) = &self.lines {
            let words = format!("{}: {what}", self.state.borrow().step);
            lines.step.set_message(escape(&words).into_owned());
        }
    }

    fn note(&self, what: &str) {
        self.tell(Text::paragraph(what));
    }

    fn line(&self, process: &str, line: &str) {
        let prefix = self.prefix(process, self.colours);
        // At a terminal somebody reads along; whatever collects lines gets them as they were written.
        if self.lines.is_some() {
            let now = xtask_lines::now();
            let line = Line { time: &now, release: "", process, instance: "", text: line };
            self.print(&format!("{prefix} {}", line.readable(self.colours.are_shown())));
        } else {
            self.print(&format!("{prefix} {line}"));
        }
    }

    fn rollout(&self, processes: &[Rollout]) {
        let before = std::mem::replace(&mut self.state.borrow_mut().rollout, processes.to_vec());
        if let Some(lines) = &self.lines {
            if self.state.borrow().step != ROLLING_OUT {
                self.step(ROLLING_OUT);
            }
            lines.rollout(processes);
        }
        for process in processes.iter().filter(|process| !before.contains(process)) {
            self.event(&Event::Rollout { process });
            if self.lines.is_none() {
                self.print(&format!("rolling out {} …", escape(&process.to_string())));
            }
        }
    }
}

const ROLLING_OUT: &str = "rolling out";

impl Lines {
    fn new() -> Self {
        let all = MultiProgress::new();
        let step = all.add(spinner());
        Self { all, step, status: RefCell::default(), processes: RefCell::default() }
    }

    fn status(&self, what: &str) {
        let mut status = self.status.borrow_mut();
        let line =
            status.get_or_insert_with(|| self.all.add(ProgressBar::new_spinner().with_style(plain(""))));
        line.set_message(what.to_owned());
        // Else what comes too soon after another drawing is not drawn.
        line.force_draw();
    }

    fn step(&self, what: &str) {
        for process in self.processes.take() {
            process.finish_and_clear();
        }
        self.step.reset();
        self.step.enable_steady_tick(Duration::from_millis(100));
        self.step.set_message(escape(what).into_owned());
    }

    fn rollout(&self, states: &[Rollout]) {
        let mut processes = self.processes.borrow_mut();
        for (place, state) in states.iter().enumerate() {
            if processes.len() == place {
                processes.push(self.all.add(ProgressBar::new_spinner().with_style(plain("  "))));
            }
            processes[place].set_message(escape(&state.to_string()).into_owned());
        }
    }

    fn clear(&self) {
        for process in self.processes.take() {
            process.finish_and_clear();
        }
        self.step.finish_and_clear();
    }
}

/// A line with words alone, after these.
fn plain(before: &str) -> ProgressStyle {
    ProgressStyle::with_template(&format!("{before}{{wide_msg}}"))
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
