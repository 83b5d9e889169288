//! Packages that are compiled and tested together, and which of their tests are wanted.

use std::{process::Stdio, time::Instant};

use tokio::process::Command;
use xtask_contract::{Context, Error, Progress, Repo, Result};

use super::checks::{Check, Runs};
use crate::ui::Ui;

/// Packages that are compiled together, always the same ones: what they depend on is then compiled with one set of
/// features. The toolchain's are those of `cargo xtask` itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suite {
    Toolchain,
    Service,
}

/// The toolchain's packages. The service's are all others of the workspace, whatever they are called.
const TOOLCHAIN: [&str; 11] = [
    "xtask",
    "xtask-build",
    "xtask-cli",
    "xtask-cluster",
    "xtask-contract",
    "xtask-kubernetes",
    "xtask-lines",
    "xtask-local",
    "xtask-prove",
    "xtask-release",
    "xtask-run",
];

impl Suite {
    pub(super) const ALL: [Self; 2] = [Self::Toolchain, Self::Service];

    /// As nextest's profile is called, too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Toolchain => "toolchain",
            Self::Service => "service",
        }
    }

    /// Cargo's words for its packages.
    fn packages(self) -> Vec<&'static str> {
        match self {
            // With both programs.
            Self::Toolchain => {
                let packages = TOOLCHAIN.iter().flat_map(|package| ["--package", package]);
                packages.chain(["--features", "xtask/clusters"]).collect()
            }
            Self::Service => {
                let but = TOOLCHAIN.iter().flat_map(|package| ["--exclude", package]);
                ["--workspace"].into_iter().chain(but).collect()
            }
        }
    }

    /// Cargo's words for the programs with its unit tests.
    pub(super) fn units() -> &'static [&'static str] {
        &["--lib", "--bins"]
    }

    /// `cargo SUBCOMMAND` for its packages.
    pub(super) fn cargo(self, repo: &Repo, subcommand: &[&str]) -> Command {
        let mut cargo = super::cargo(repo);
        cargo.args(subcommand).arg("--locked").args(self.packages());
        cargo
    }

    /// Compiles what a selection needs; how many seconds that took.
    pub(super) async fn compile(self, repo: &Repo, selection: &Selection, ui: &Ui) -> Result<f64> {
        let began = Instant::now();
        let doing = || format!("compiling the tests of the {}", self.name());
        ui.note(&format!("{} …", doing()));
        let mut cargo = self.cargo(repo, &["test", "--no-run"]);
        // A line that names a program is no news; an error is, and goes to standard error.
        let status = cargo.args(selection.targets()).stdout(Stdio::null()).status().await.doing(doing)?;
        if status.success() {
            return Ok(began.elapsed().as_secs_f64());
        }
        Err(Error::failed(doing(), status).next("mend what is named above"))
    }
}

/// Which tests of a suite are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) suite: Suite,
    /// The unit tests.
    pub(super) units: bool,
    /// Of the program `it`, those whose names begin with one of these …
    pub(super) included: Vec<&'static str>,
    /// … and with none of these.
    pub(super) excluded: Vec<&'static str>,
    /// Of all those, only the ones in whose names this stands.
    pub(super) only: Option<String>,
}

impl Selection {
    /// What these checks have of a suite; what others have is left out.
    pub(super) fn of(suite: Suite, chosen: &[&Check], all: &'static [Check], only: Option<&str>) -> Self {
        let prefix = |check: &Check| match check.runs {
            Runs::Tests(of, prefix) if of == suite => Some(prefix),
            _ => None,
        };
        let included: Vec<_> = chosen.iter().filter_map(|check| prefix(check)).collect();
        let others = all.iter().filter_map(prefix).filter(|other| !included.contains(other));
        let within = |other: &&str| included.iter().any(|included| other.starts_with(included));
        let excluded = others.filter(within).collect();
        let units = chosen.iter().any(|check| check.runs == Runs::Units);
        Self { suite, units, included, excluded, only: only.map(str::to_owned) }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.units && self.included.is_empty()
    }

    /// Cargo's words for the programs that it takes.
    pub(super) fn targets(&self) -> Vec<&'static str> {
        let units = if self.units { Suite::units() } else { &[] };
        let it: &[_] = if self.included.is_empty() { &[] } else { &["--test", "it"] };
        [units, it].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::checks::CHECKS, *};

    fn of(suite: Suite, chosen: impl Fn(&Check) -> bool) -> Selection {
        let chosen: Vec<&Check> = CHECKS.iter().filter(|check| chosen(check)).collect();
        Selection::of(suite, &chosen, &CHECKS, None)
    }

    #[test]
    fn what_a_chosen_check_contains_is_left_out_where_it_is_a_check_of_its_own() {
        let everyday = of(Suite::Toolchain, |check| !check.is_long());
        assert!(everyday.included.contains(&"cluster::") && everyday.units);
        assert!(everyday.excluded.contains(&"cluster::long::"), "{everyday:?}");
        let steady = of(Suite::Toolchain, |check| check.name == "steady load");
        assert_eq!((steady.included, steady.excluded), (vec!["cluster::long::steady"], vec![]));
        assert!(of(Suite::Toolchain, |_| true).excluded.is_empty());
    }

    #[test]
    fn a_suite_of_which_nothing_is_chosen_is_not_compiled() {
        assert!(of(Suite::Service, |check| check.name == "ledger").is_empty());
        assert_eq!(of(Suite::Toolchain, |check| check.name == "ledger").targets(), ["--test", "it"]);
        assert_eq!(of(Suite::Service, |check| check.name == "unit tests").targets(), ["--lib", "--bins"]);
    }
}
