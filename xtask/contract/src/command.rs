//! Another program, called for what it does. When it fails, its own words are the reason: what it was doing, why it
//! could not, and what to do next.

use std::{
    io,
    process::{Command, ExitStatus, Output},
};

use crate::{Error, tool};

/// Why a program did not do what it was called for.
#[derive(Debug)]
pub enum Failure {
    /// There is no such program on this machine.
    Missing {
        /// The program's name.
        program: String,
    },
    /// It could not be started.
    NotStarted(io::Error),
    /// It ended, and not well.
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said of the reason; all that it said, if it does not tell that apart.
        said: String,
        /// What it said to do next.
        next: Option<String>,
    },
}

/// Runs a program to its end, which must be a good one, and gives back its standard output.
pub fn run(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.output();
    outcome(&command.get_program().to_string_lossy(), output)
}

/// The same, as a text without the end of its last line.
pub fn read(command: &mut Command) -> Result<String, Failure> {
    run(command).map(|output| String::from_utf8_lossy(&output).trim_end().to_owned())
}

/// What became of a program that somebody has run with its output captured.
pub fn outcome(program: &str, output: io::Result<Output>) -> Result<Vec<u8>, Failure> {
    match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::Missing { program: program.to_owned() })
        }
        Err(error) => Err(Failure::NotStarted(error)),
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => {
            let (said, next) = said(&output);
            Err(Failure::Ended { status: output.status, said, next })
        }
    }
}

impl Failure {
    /// The reason, in the program's own words where it has any.
    pub fn why(&self) -> String {
        match self {
            Self::Missing { program } => format!("there is no command `{program}` on this machine"),
            Self::NotStarted(error) => format!("it cannot be started: {error}"),
            Self::Ended { status, said, .. } if said.is_empty() => {
                format!("it ended with {status} and said nothing")
            }
            // One that was killed may have said something quite different before.
            Self::Ended { status, said, .. } if status.code().is_none() => {
                format!("it was ended by {status}; it said:\n{said}")
            }
            Self::Ended { said, .. } => said.clone(),
        }
    }

    /// The caller's error.
    pub fn error(self, doing: impl Into<String>) -> Error {
        let why = self.why();
        let next = match self {
            Self::Missing { program } => tool::install(&program),
            Self::Ended { next, .. } => next,
            Self::NotStarted(_) => None,
        };
        Error { next, ..Error::failed(doing, why) }
    }
}

/// The reason and the next step. A program that says nothing on standard error may have said it on standard output.
fn said(output: &Output) -> (String, Option<String>) {
    let texts = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text));
    let text = texts.iter().map(|text| text.trim()).find(|text| !text.is_empty()).unwrap_or_default();
    match of_this_toolchain(text) {
        Some((why, next)) => (why.to_owned(), Some(next.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// An error as this toolchain prints it in the end, `error: DOING: WHY` and `  next: NEXT` below, without the steps that
/// came before it.
fn of_this_toolchain(text: &str) -> Option<(&str, &str)> {
    const MARK: &str = "error: ";
    let start = if text.starts_with(MARK) { 0 } else { text.rfind("\nerror: ")? + 1 };
    text[start..].strip_prefix(MARK)?.rsplit_once("\n  next: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Vec<u8>, Failure> {
        run(Command::new("sh").args(["-c", script]))
    }

    fn error(script: &str) -> Error {
        shell(script).unwrap_err().error("calling it")
    }

    #[test]
    fn who_ends_well_is_known_by_its_standard_output_alone() {
        assert_eq!(shell("echo a; echo b >&2").unwrap(), b"a\n");
        assert_eq!(read(Command::new("echo").arg("a")).unwrap(), "a");
    }

    #[test]
    fn what_another_program_says_is_the_reason() {
        let said = error("echo 'fatal: not a git repository' >&2; exit 128");
        assert_eq!(said.to_string(), "calling it: fatal: not a git repository");
        let all = error("echo 'first'; printf 'error: a\\nerror: b\\n' >&2; exit 1");
        assert_eq!(all.why, ["error: a\nerror: b"]);
        let on_standard_output = error("echo 'DATABASE_URL is missing'; exit 2");
        assert_eq!(on_standard_output.why, ["DATABASE_URL is missing"]);
    }

    #[test]
    fn an_error_of_this_toolchain_keeps_what_was_done_why_not_and_what_is_next() {
        let inner =
            Error::refused_for("releasing dev", vec!["PORT is missing".into(), "PROT is unknown".into()])
                .next("mend k8s/envs/dev.toml");
        let outer = error(&format!("echo 'making the release …' >&2; echo 'error: {inner}' >&2; exit 3"));
        let words = "calling it: releasing dev: 2 problems\n  - PORT is missing\n  - PROT is unknown\n  next: mend \
                     k8s/envs/dev.toml";
        assert_eq!(outer.to_string(), words);
        let without_next =
            error("echo 'making the release …' >&2; echo 'error: releasing dev: no' >&2; exit 1");
        assert!(without_next.to_string().ends_with("error: releasing dev: no"), "{without_next}");
    }

    #[test]
    fn who_says_nothing_is_known_by_how_it_ended() {
        assert_eq!(error("exit 7").why, ["it ended with exit status: 7 and said nothing"]);
        let killed = error("echo 'all is well'; kill -KILL $$").to_string();
        assert!(killed.contains("SIGKILL") && killed.contains("all is well"), "{killed}");
    }

    #[test]
    fn who_is_not_there_is_named() {
        let missing = run(&mut Command::new("no-such-program")).unwrap_err().error("calling it");
        assert_eq!(missing.why, ["there is no command `no-such-program` on this machine"]);
        assert_eq!(missing.next, None);
        let missing = Failure::Missing { program: "kind".into() }.error("making a cluster");
        assert_eq!(
            missing.to_string(),
            "making a cluster: there is no command `kind` on this machine\n  next: `cargo xtask setup --tags kind` \
             installs it"
        );
    }
}
