//! What is shown of the loop: the processes' lines, and how it stands.

use std::cell::{Cell, RefCell};

use serde::Serialize;
use serde_json::Value;
use xtask_contract::{Progress, progress::Rollout};

use crate::ui::{Text, Ui};

/// The levels of lines that are shown when errors alone are.
const ERRORS: [&str; 2] = ["error", "warn"];

/// Hears what is done, and shows it as the person at the keyboard wants it.
pub(super) struct Screen<'a> {
    pub(super) ui: &'a Ui,
    only_errors: Cell<bool>,
    /// Whether anything was served yet.
    serves: Cell<bool>,
    status: RefCell<String>,
}

/// How the loop stands, for programs.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum State<'a> {
    /// A change is being built.
    Building { changed: &'a [String] },
    /// It is served, and this is how long each part of that took.
    Serving { mark: &'a str, url: &'a str, processes: usize, changed: &'a [String], took: Took },
    /// It cannot be served; what was served before still is.
    Failed { headline: &'a str, text: &'a str, serving: bool },
    /// Another command has brought the deploy to a release.
    TakenOver { release: &'a str },
    /// A debugger can be attached to these processes.
    Debuggable { configurations: &'a [serde_json::Value] },
    /// The service's tests have ended.
    Tested { passed: bool, headline: Option<&'a str> },
}

/// Milliseconds by part of the way from a save to its being served.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Took {
    pub(super) compile: u64,
    pub(super) image: u64,
    pub(super) config: u64,
    pub(super) migrate: u64,
    pub(super) start: u64,
    pub(super) total: u64,
}

impl<'a> Screen<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self { ui, only_errors: Cell::default(), serves: Cell::default(), status: RefCell::default() }
    }

    /// Shows how it stands, in the last line of a terminal.
    pub(super) fn status(&self, what: String) {
        self.ui.status(&what);
        self.status.replace(what);
    }

    /// Shows the lines of errors alone, or all again.
    pub(super) fn toggle_errors(&self) {
        self.only_errors.set(!self.only_errors.get());
        let what = if self.only_errors.get() {
            "errors and warnings alone are shown"
        } else {
            "all lines are shown"
        };
        self.ui.note(what);
    }

    /// Begins with an empty screen.
    pub(super) fn clear(&self) {
        self.ui.clear_screen();
        self.ui.status(&self.status.borrow());
    }

    /// Says what has happened.
    pub(super) fn happened(&self, words: impl Into<Text>, state: &State<'_>) {
        if matches!(state, State::Serving { .. }) && !self.serves.replace(true) {
            self.ui.finish_step();
        }
        self.ui.happened(words, state);
    }
}

/// Whether a line is to be shown where errors alone are: one that says of itself that it is none is not.
fn is_error(line: &str) -> bool {
    let level = serde_json::from_str::<Value>(line)
        .ok()
        .and_then(|line| Some(line.get("level")?.as_str()?.to_lowercase()));
    level.is_none_or(|level| ERRORS.contains(&level.as_str()))
}

impl Progress for Screen<'_> {
    // Later steps are short, and many of them would push aside what the service writes.
    fn step(&self, what: &str) {
        if !self.serves.get() {
            self.ui.step(what);
        }
    }

    fn detail(&self, _: &str) {}

    fn note(&self, what: &str) {
        self.ui.note(what);
    }

    fn line(&self, process: &str, line: &str) {
        if !self.only_errors.get() || is_error(line) {
            self.ui.line(process, line);
        }
    }

    fn rollout(&self, processes: &[Rollout]) {
        if !self.serves.get() {
            self.ui.rollout(processes);
        }
    }
}

/// One line: what is served, and where the time went.
pub(super) fn served_in_words(url: &str, is_first: bool, changed: &[String], took: Took) -> String {
    let seconds = |millis: u64| format!("{}.{:02}", millis / 1000, millis % 1000 / 10);
    let parts = [
        ("compile", took.compile),
        ("image", took.image),
        ("config", took.config),
        ("migrate", took.migrate),
        ("start", took.start),
    ];
    let parts = parts.map(|(part, millis)| format!("{part} {}", seconds(millis)));
    let what = match changed {
        [] => String::new(),
        _ if is_first => String::new(),
        [one] => format!("{one}: "),
        [one, more @ ..] => format!("{one} and {} more: ", more.len()),
    };
    let at = if is_first { format!(" at {url}") } else { String::new() };
    format!("{what}served in {} s{at} ({})", seconds(took.total), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_errors_alone_are_shown_a_line_that_says_it_is_none_is_not() {
        assert!(is_error(r#"{"level":"ERROR","message":"no"}"#) && is_error(r#"{"level":"warn"}"#));
        assert!(!is_error(r#"{"level":"INFO","message":"error"}"#));
        assert!(is_error("thread 'main' panicked at src/main.rs:1:1:"));
    }

    #[test]
    fn the_line_says_what_was_saved_and_where_the_time_went() {
        let took = Took { compile: 912, image: 71, config: 9, migrate: 30, start: 205, total: 1263 };
        let words = |first: bool, changed: &[&str]| {
            let changed: Vec<String> = changed.iter().map(|name| (*name).to_owned()).collect();
            served_in_words("http://localhost:30000", first, &changed, took)
        };
        let parts = "(compile 0.91, image 0.07, config 0.00, migrate 0.03, start 0.20)";
        assert_eq!(words(true, &[]), format!("served in 1.26 s at http://localhost:30000 {parts}"));
        assert_eq!(words(false, &["a.rs"]), format!("a.rs: served in 1.26 s {parts}"));
        assert_eq!(words(false, &["a.rs", "b.rs"]), format!("a.rs and 1 more: served in 1.26 s {parts}"));
    }
}
