//! `cargo xtask complete`: what the last word of a command line may become, for the scripts of `completions`.

use std::{ffi::OsString, path::Path};

use clap::{Arg, Command, CommandFactory};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete as candidates};
use serde::Serialize;
use xtask_contract::{Context, Deploy, EnvName, Ledger, Repo, Result};

use crate::{
    cli,
    ui::{Text, Ui},
};

/// A candidate for each line: the whole word, and after a tab what it means.
#[derive(Serialize)]
struct Document {
    candidates: Vec<Candidate>,
}

#[derive(Serialize)]
struct Candidate {
    word: String,
    help: Option<String>,
}

/// `args` has the words up to the one at which the cursor is, which may be empty; the first is the program's.
pub(crate) fn complete(here: &Path, args: &cli::Complete, ui: &Ui) -> Result<()> {
    let mut command = with_values(cli::Cli::command(), &Checkout::of(here, &args.words));
    let last = args.words.len().saturating_sub(1);
    let found = candidates(&mut command, args.words.clone(), last, Some(here))
        .doing(|| "completing a command line")?;
    let candidates = found.iter().filter(|found| !found.is_hide_set()).map(|found| Candidate {
        word: found.get_value().to_string_lossy().into_owned(),
        help: found.get_help().map(|help| help.to_string().lines().next().unwrap_or_default().to_owned()),
    });
    let document = Document { candidates: candidates.collect() };
    let line = |Candidate { word, help }: &Candidate| match help {
        Some(help) => format!("{word}\t{help}"),
        None => word.clone(),
    };
    ui.result(Text::lines(document.candidates.iter().map(line)), &document);
    Ok(())
}

/// What the candidates are taken from.
#[derive(Clone)]
struct Checkout {
    repo: Option<Repo>,
    /// The deploy that the command line names so far.
    env: EnvName,
}

impl Checkout {
    fn of(here: &Path, words: &[OsString]) -> Self {
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        let before = words.windows(2).filter(|pair| pair[0] == "--env").map(|pair| pair[1]);
        let joined = words.iter().filter_map(|word| word.strip_prefix("--env="));
        let named = before.chain(joined).find_map(|env| env.parse().ok());
        let env = named.unwrap_or_else(|| "local".parse().expect("a deploy's name"));
        Self { repo: Repo::around(here).ok(), env }
    }

    fn values(&self, what: Values) -> Vec<String> {
        let Some(repo) = &self.repo else { return Vec::new() };
        let deploy = || Deploy::read(repo, &self.env).ok();
        match what {
            Values::Deploys => repo.deploys().iter().map(ToString::to_string).collect(),
            Values::Releases => {
                let ids = Ledger::of(repo, &self.env).ids().unwrap_or_default();
                ids.iter().rev().map(ToString::to_string).collect()
            }
            Values::Variables => deploy().into_iter().flat_map(|deploy| deploy.config.into_keys()).collect(),
            Values::Assignments => {
                self.values(Values::Variables).into_iter().map(|name| format!("{name}=")).collect()
            }
            Values::Processes => deploy().into_iter().flat_map(|it| it.scale.into_keys()).collect(),
            Values::Numbers => {
                self.values(Values::Processes).into_iter().map(|name| format!("{name}=")).collect()
            }
            Values::Services => ["postgres", "logging"].map(String::from).to_vec(),
            #[cfg(feature = "checks")]
            Values::Checks => super::test::names().map(String::from).collect(),
        }
    }
}

/// What an argument can be of which the grammar knows only the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Deploys,
    Releases,
    Variables,
    Assignments,
    Processes,
    Numbers,
    Services,
    #[cfg(feature = "checks")]
    Checks,
}

impl Values {
    fn of(command: &str, argument: &str) -> Option<Self> {
        match (command, argument) {
            (_, "env" | "from" | "to") => Some(Self::Deploys),
            (_, "id" | "release" | "before" | "after") => Some(Self::Releases),
            ("get", "name") | ("unset", "names") => Some(Self::Variables),
            ("set", "assignments") => Some(Self::Assignments),
            ("scale", "requests") => Some(Self::Numbers),
            ("logs", "process") => Some(Self::Processes),
            ("up" | "down" | "attach", "name") => Some(Self::Services),
            #[cfg(feature = "checks")]
            ("test", "only") => Some(Self::Checks),
            _ => None,
        }
    }
}

fn with_values(command: Command, checkout: &Checkout) -> Command {
    let name = command.get_name().to_owned();
    let taught = command.mut_args(|arg: Arg| match Values::of(&name, arg.get_id().as_str()) {
        Some(what) => {
            let checkout = checkout.clone();
            arg.add(ArgValueCandidates::new(move || in_order(checkout.values(what))))
        }
        None => arg,
    });
    taught.mut_subcommands(|command| with_values(command, checkout))
}

fn in_order(words: Vec<String>) -> Vec<CompletionCandidate> {
    let candidate = |(place, word)| CompletionCandidate::new(word).display_order(Some(place));
    words.into_iter().enumerate().map(candidate).collect()
}
