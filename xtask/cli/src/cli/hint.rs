//! What a wrong command line was probably meant to be, where the grammar by itself does not tell.

use std::ffi::OsString;

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// The error with a hint in addition, if there is one for it.
pub(crate) fn with_hint(mut error: Error, words: &[OsString]) -> Error {
    let stray = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(stray))) => stray.clone(),
        _ => return error,
    };
    let words: Vec<&str> = words.iter().skip(1).filter_map(|word| word.to_str()).collect();
    if let Some(hint) = hint(&words, &stray) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

/// `stray` is the word that was not expected.
fn hint(words: &[&str], stray: &str) -> Option<String> {
    let before = &words[..words.iter().position(|word| *word == stray)?];
    let verb = before.iter().find(|word| !word.starts_with('-'))?;
    let called = before.join(" ");
    match *verb {
        "admin" => {
            Some(format!("what is for the process stands behind `--`: cargo xtask {called} -- {stray}"))
        }
        "up" | "release" | "status" | "scale" | "logs" | "down" | "config" | "services" | "releases"
            if !stray.starts_with('-') && !before.contains(&"--env") =>
        {
            Some(format!("a deploy is named by --env: cargo xtask {called} --env {stray}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn told(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        with_hint(Cli::try_parse_from(&words).unwrap_err(), &words).to_string()
    }

    #[test]
    fn what_is_for_the_process_is_told_to_stand_behind_two_dashes() {
        assert!(told("xtask admin check").contains("cargo xtask admin -- check"));
        assert!(told("xtask admin --env dev ls").contains("cargo xtask admin --env dev -- ls"));
        assert!(told("xtask admin --write -- shell").contains("cargo xtask admin -- --write"));
    }

    #[test]
    fn a_word_that_may_be_a_deploy_is_told_to_be_an_option() {
        assert!(told("xtask up dev").contains("cargo xtask up --env dev"));
        assert!(told("xtask logs --follow dev").contains("cargo xtask logs --follow --env dev"));
        assert!(!told("xtask up --env dev prod").contains("--env prod"));
        assert!(!told("xtask doctor dev").contains("--env"));
    }
}
