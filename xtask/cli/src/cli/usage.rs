//! What is wrong with a command line, as a program is told that has asked for documents.

use std::ffi::OsString;

use xtask_contract::Error;

use crate::ui::Form;

/// The error in the form of all others.
pub(crate) fn usage_error(error: &clap::Error) -> Error {
    let text = error.to_string();
    let parts: Vec<String> =
        text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let why = parts.first().map_or("", |first| first.strip_prefix("error: ").unwrap_or(first));
    let next = |word| parts.iter().find_map(|part| part.strip_prefix(word));
    Error::usage("reading the command line", why)
        .next(next("tip: ").or_else(|| next("Usage: ")).unwrap_or("cargo xtask --help"))
}

/// The form that is asked for on a command line that cannot be read.
pub(crate) fn form_of(words: &[OsString]) -> Form {
    let has = |option: &str| words.iter().take_while(|word| *word != "--").any(|word| word == option);
    match (has("--json-events"), has("--json")) {
        (true, _) => Form::Events,
        (false, true) => Form::Document,
        (false, false) => Form::Words,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, with_hint};

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_program_is_told_what_is_wrong_and_what_is_next() {
        let told = |line: &str| {
            let words = words(line);
            let error = Cli::try_parse_from(&words).expect_err(line);
            let error = usage_error(&with_hint(error, &words));
            (error.why.concat(), error.next.unwrap())
        };
        let (why, next) = told("xtask releases --json --bad");
        assert_eq!(why, "unexpected argument '--bad' found");
        assert_eq!(next, "cargo xtask releases --json");
        let (why, next) = told("xtask promote --json");
        assert_eq!(why, "the following required arguments were not provided: --from <ENV> --to <ENV>");
        assert_eq!(next, "cargo xtask promote --from <ENV> --to <ENV> --json");
        let (why, next) = told("xtask up dev --json");
        assert_eq!(why, "unexpected argument 'dev' found");
        assert_eq!(next, "a deploy is named by --env: cargo xtask up --env dev");
        let (why, next) = told("xtask relase --json");
        assert_eq!(why, "unrecognized subcommand 'relase'");
        assert_eq!(next, "some similar subcommands exist: 'releases', 'release'");
    }

    #[test]
    fn the_form_is_what_the_options_before_two_dashes_ask_for() {
        assert_eq!(form_of(&words("xtask up --json-events --bad")), Form::Events);
        assert_eq!(form_of(&words("xtask up --bad --json")), Form::Document);
        assert_eq!(form_of(&words("xtask up --bad")), Form::Words);
        assert_eq!(form_of(&words("xtask admin --bad -- check --json")), Form::Words);
    }
}
