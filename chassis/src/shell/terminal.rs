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
    Words,
    console::{Console, Said},
    line,
};
use crate::Identity;

/// What there is besides variables and the model.
const GLOBALS: [&str; 6] = ["sql(", "help()", "exit()", "print(", "let ", "for "];

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
pub(super) fn run(mut console: Console, service: Identity) -> Result<ExitCode, String> {
    let failed = |error: ReadlineError| format!("cannot use the terminal: {error}");
    let variables = Rc::<RefCell<Vec<String>>>::default();
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    // Only of this session: there may be no disk, and what was typed is nobody else's business.
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::<Assistant, _>::with_history(config, history).map_err(failed)?;
    let words = console.words;
    editor.set_helper(Some(Assistant { engine: Engine::new(), words, variables: variables.clone() }));

    let writes = console.session.writes();
    let mode = if writes { "what you do is done" } else { "read-only; --write lets it change things" };
    let (name, version) = (service.name(), service.version());
    console.output.line(&format!("{name} {version}, {}: {mode}", console.session.place()?));
    console.output.line("help() says what there is, Ctrl-D ends");
    let prompt = format!("{name}{}> ", if writes { " (write)" } else { "" });
    while !console.output.is_lost() {
        let text = match editor.readline(&prompt) {
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
    words: Words,
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
        Ok(complete(&line[..position], &self.words, &self.variables.borrow()))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let begun = line::is_begun(&self.engine, context.input());
        Ok(if begun { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

/// Where the word before the cursor begins, and what it may become.
fn complete(before: &str, words: &Words, variables: &[String]) -> (usize, Vec<String>) {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let start = before.trim_end_matches(is_word).len();
    let (before, word) = before.split_at(start);
    let fits = |candidate: &&str| candidate.starts_with(word);
    let owner = before.strip_suffix('.').map(|before| &before[before.trim_end_matches(is_word).len()..]);
    let found = |words: &[&str]| words.iter().copied().filter(fits).map(Into::into).collect();
    let candidates = match owner {
        Some(owner) if owner == words.name => found(words.methods),
        // Of one of its maps, most likely.
        Some(_) => found(words.columns),
        None => [words.name]
            .into_iter()
            .chain(GLOBALS)
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

    const WORDS: Words = Words {
        name: "pets",
        help: "",
        example: "",
        methods: &["list(", "create(", "feed("],
        columns: &["title", "born_at"],
    };

    #[test]
    fn a_word_is_completed_by_where_it_stands() {
        let variables = ["opened".to_owned(), "title".to_owned()];
        for (before, start, expected) in [
            ("pe", 0, &["pets"][..]),
            ("x = s", 4, &["sql("]),
            ("pets.cre", 5, &["create("]),
            ("f(pets.fe", 7, &["feed("]),
            ("ope", 0, &["opened"]),
            ("x.tit", 2, &["title"]),
            ("ü.bor", 3, &["born_at"]),
            ("zzz", 0, &[]),
        ] {
            let expected = expected.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(complete(before, &WORDS, &variables), (start, expected), "{before}");
        }
        assert_eq!(complete("pets.", &WORDS, &variables).1.len(), WORDS.methods.len());
    }
}
