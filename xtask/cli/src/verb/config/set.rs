//! `cargo xtask config set`. Nothing that is given here is repeated: it could be a secret.

use std::collections::BTreeSet;

use xtask_contract::{EnvName, Error, Repo, Result};
use xtask_release::config::{self, Assignment, check_name};

use super::show;
use crate::ui::Ui;

pub(super) fn clear(repo: &Repo, env: &EnvName, arguments: &[String], ui: &Ui) -> Result<()> {
    let assignments = parse(arguments)?;
    let changed = config::set(repo, env, &assignments)?;
    show(env, &format!("set {}", changed.variables.join(", ")), &changed, ui);
    Ok(())
}

pub(super) fn sealed(repo: &Repo, env: &EnvName, arguments: &[String], ui: &Ui) -> Result<()> {
    let name = only_name(arguments)?;
    let value = ui.secret(name)?;
    let changed = config::seal(repo, env, name, &value)?;
    show(env, &format!("sealed {name}"), &changed, ui);
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Vec<Assignment>> {
    let mut names = BTreeSet::new();
    let mut assignments = Vec::new();
    for (place, argument) in arguments.iter().enumerate() {
        let read = Assignment::parse(argument).and_then(|assignment| {
            let new = names.insert(assignment.name().to_owned());
            if new { Ok(assignment) } else { Err("its variable is set twice".into()) }
        });
        assignments.push(read.map_err(|why| {
            Error::usage(format!("reading argument {} of `config set`", place + 1), why)
                .next("for example: `cargo xtask config set LOG_LEVEL=debug PORT=8080`")
        })?);
    }
    Ok(assignments)
}

/// The name of the one variable to be sealed.
fn only_name(arguments: &[String]) -> Result<&str> {
    let wrong = |why: String| {
        Err(Error::usage("reading the arguments of `config set --secret`", why)
            .next("for example: `cargo xtask config set --secret DATABASE_URL`"))
    };
    let shown = "a secret is no argument: it would stand in the shell's history, and every user of this machine \
                 could see it in the list of processes; it is asked for, or read from standard input";
    match arguments {
        [one] if one.contains('=') => wrong(shown.into()),
        [one] => check_name(one).map_or_else(wrong, |()| Ok(one)),
        _ => wrong(format!("it takes one KEY and nothing else; {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use xtask_contract::ErrorKind;

    use super::*;

    fn arguments(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_no_assignment_is_told_by_its_place() {
        for (wrong, place) in
            [(&["A=1", "canary"][..], 2), (&["a=canary"], 1), (&["A=canary", "A=canary"], 2)]
        {
            let error = parse(&arguments(wrong)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Usage);
            let text = error.to_string();
            assert!(text.contains(&format!("argument {place} ")) && !text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn a_secrets_value_is_no_argument() {
        assert_eq!(only_name(&arguments(&["TOKEN"])).unwrap(), "TOKEN");
        for wrong in [&["TOKEN=canary"][..], &["TOKEN", "canary"], &["canary"]] {
            let error = only_name(&arguments(wrong)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Usage);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
