//! The shell for a person at a terminal, whom no error throws out.

use std::{
    cell::RefCell,
    io::{self, Write},
    process::ExitCode,
    rc::Rc,
    time::Duration,
};

use rhai::Engine;
use rustix::termios::tcgetwinsize;
use rustyline::{
    Config, Context, Editor, Helper,
    completion::Completer,
    config::CompletionType,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::MemHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use super::{
    console::{Console, Said},
    line, todos,
};

/// What there is besides variables.
const GLOBALS: [&str; 7] = ["todos", "sql(", "help()", "exit()", "print(", "let ", "for "];

/// How long to wait for somebody to be there.
const NOBODY_YET: Duration = Duration::from_secs(5);

/// Waits until the terminal has a size. One of a container has none before somebody is connected to it, who would not
/// see what was shown until then.
pub(super) async fn connected() -> io::Result<()> {
    let mut resized = signal(SignalKind::window_change())?;
    let connected = async {
        while tcgetwinsize(io::stdin()).is_ok_and(|size| size.ws_col == 0) {
            resized.recv().await;
        }
    };
    let _ = timeout(NOBODY_YET, connected).await;
    Ok(())
}

/// Reads and evaluates until Ctrl-D.
pub(super) fn run(mut console: Console) -> Result<ExitCode, String> {
    let failed = |error: ReadlineError| format!("cannot use the terminal: {error}");
    let variables = Rc::<RefCell<Vec<String>>>::default();
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    // Only of this session: there may be no disk, and what was typed is nobody else's business.
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::<Assistant, _>::with_history(config, history).map_err(failed)?;
    editor.set_helper(Some(Assistant { engine: Engine::new(), variables: variables.clone() }));

    let writes = console.session.writes;
    let mode = if writes { "what you do is done" } else { "read-only; --write lets it change things" };
    console.output.line(&format!(
        "todo-api {}, {}: {mode}",
        env!("CARGO_PKG_VERSION"),
        console.session.place()?
    ));
    console.output.line("help() says what there is, Ctrl-D ends");
    let prompt = if writes { "todo-api (write)> " } else { "todo-api> " };
    while !console.output.is_lost() {
        let text = match editor.readline(prompt) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
            Err(error) => return Err(failed(error)),
        };
        console.width = editor.dimensions().map(|(columns, _)| columns.into());
        match console.evaluate(&text) {
            Ok(Said::Text(text)) => console.output.line(&text),
            Ok(Said::Nothing) => {}
            Ok(Said::End) => return Ok(ExitCode::SUCCESS),
            Err(failure) => {
                let _ = writeln!(io::stderr(), "{}", failure.why);
            }
        }
        let mut names: Vec<_> = console.scope.iter().map(|(name, ..)| name.to_owned()).collect();
        names.sort();
        names.dedup();
        variables.replace(names);
    }
    Ok(ExitCode::SUCCESS)
}

/// Helps while a line is edited.
struct Assistant {
    /// Only to see whether more lines have to follow.
    engine: Engine,
    variables: Rc<RefCell<Vec<String>>>,
}

impl Helper for Assistant {}
impl Highlighter for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(&line[..position], &self.variables.borrow()))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let begun = line::is_begun(&self.engine, context.input());
        Ok(if begun { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

/// Where the word before the cursor begins, and what it may become.
fn complete(before: &str, variables: &[String]) -> (usize, Vec<String>) {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let start = before.trim_end_matches(is_word).len();
    let (before, word) = before.split_at(start);
    let fits = |candidate: &&str| candidate.starts_with(word);
    let owner = before.strip_suffix('.').map(|before| &before[before.trim_end_matches(is_word).len()..]);
    let candidates = match owner {
        Some("todos") => todos::METHODS.into_iter().filter(fits).map(Into::into).collect(),
        // Of a todo, most likely.
        Some(_) => todos::COLUMNS.into_iter().filter(fits).map(Into::into).collect(),
        None => GLOBALS
            .into_iter()
            .chain(variables.iter().map(String::as_str))
            .filter(fits)
            .map(Into::into)
            .collect(),
    };
    (start, candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_completed_by_where_it_stands() {
        let variables = ["opened".to_owned(), "title".to_owned()];
        for (before, start, expected) in [
            ("to", 0, &["todos"][..]),
            ("x = s", 4, &["sql("]),
            ("todos.cre", 6, &["create("]),
            ("f(todos.com", 8, &["complete("]),
            ("ope", 0, &["opened"]),
            ("x.tit", 2, &["title"]),
            ("ü.due", 3, &["due_at"]),
            ("zzz", 0, &[]),
        ] {
            let expected = expected.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(complete(before, &variables), (start, expected), "{before}");
        }
        assert_eq!(complete("todos.", &variables).1.len(), todos::METHODS.len());
    }
}
