//! All checks there are, what each of them runs, and when.

use super::suite::Suite;

/// A check.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) runs: Runs,
    pub(super) tier: Tier,
}

/// What a check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    /// A command of cargo's.
    Cargo(&'static [&'static str]),
    /// The examples in the documentation of a suite's crates.
    Examples(Suite),
    /// The unit tests of both suites.
    Units,
    /// The tests of a suite's program `it` whose names begin with this.
    Tests(Suite, &'static str),
}

/// When a check is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    /// Always: these together take some twenty minutes on two cores.
    Everyday,
    /// With `--all`, or when it is named; and why not always.
    Long(&'static str),
}

use Runs::{Cargo, Examples, Tests, Units};
use Suite::{Service, Toolchain};
use Tier::{Everyday, Long};

#[rustfmt::skip] // a table
pub(super) const CHECKS: [Check; 34] = [
    Check::new("format", Everyday, Cargo(&["fmt", "--all", "--check"])),
    Check::new("lints", Everyday, Cargo(&["clippy", "--workspace", "--all-targets", "--features", "xtask/clusters", "--locked", "--", "-D", "warnings"])),
    Check::new("chassis alone", Everyday, Cargo(&["check", "--package", "chassis", "--locked"])), // with none of its features
    Check::new("unit tests", Everyday, Units),
    Check::new("layering", Everyday, Tests(Toolchain, "layering::")),
    Check::new("command line", Everyday, Tests(Toolchain, "command_line::")),
    Check::new("config", Everyday, Tests(Toolchain, "config::")),
    Check::new("build", Everyday, Tests(Toolchain, "build::")),
    Check::new("provenance", Everyday, Tests(Toolchain, "provenance::")),
    Check::new("ledger", Everyday, Tests(Toolchain, "ledger::")),
    Check::new("local", Everyday, Tests(Toolchain, "local::")),
    Check::new("dev", Everyday, Tests(Toolchain, "dev::")),
    Check::new("prove", Everyday, Tests(Toolchain, "prove::")),
    Check::new("services", Everyday, Tests(Toolchain, "services::")),
    Check::new("adoption", Everyday, Tests(Toolchain, "adoption::")),
    Check::new("backend", Everyday, Tests(Toolchain, "backend::")),
    Check::new("registry", Everyday, Tests(Toolchain, "registry::")),
    Check::new("kind", Everyday, Tests(Toolchain, "kind::")),
    Check::new("scripted", Everyday, Tests(Toolchain, "scripted::")),
    Check::new("cluster", Everyday, Tests(Toolchain, "cluster::")),
    Check::new("documents", Everyday, Tests(Toolchain, "documents::")),
    Check::new("service", Everyday, Tests(Service, "service::")),
    Check::new("page", Everyday, Tests(Service, "page::")),
    Check::new("fuzz", Everyday, Tests(Service, "fuzz::")),
    Check::new("endurance", Everyday, Tests(Service, "endurance::")),
    Check::new("contributing", Everyday, Tests(Service, "contributing::")),
    Check::new("examples in docs", Everyday, Examples(Toolchain)),
    Check::new("examples of the chassis", Everyday, Examples(Service)),
    Check::new("cluster at length", Long("a rollout for each way to fail, and for each call at which to die; each experiment on a cluster in use"), Tests(Toolchain, "cluster::long::")),
    Check::new("steady load", Long("100,000 requests over 20 rollouts take ten minutes"), Tests(Toolchain, "cluster::long::steady")),
    Check::new("adoption on kind", Long("the program for clusters is compiled once more"), Tests(Toolchain, "adoption::long::")),
    Check::new("backend on kind", Long("the story of all backends on a cluster says little that its own chapters do not"), Tests(Toolchain, "backend::long::")),
    Check::new("another service on kind", Long("it is compiled and brought to a cluster of its own"), Tests(Toolchain, "documents::own_service::long::")),
    Check::new("playbook", Long("a fresh system is made from nothing, and set up five times"), Tests(Toolchain, "playbook::")),
];

impl Check {
    const fn new(name: &'static str, tier: Tier, runs: Runs) -> Self {
        Self { name, runs, tier }
    }

    pub(super) fn is_long(&self) -> bool {
        self.why_long().is_some()
    }

    /// Why it is not run always, if it is not.
    pub(super) fn why_long(&self) -> Option<&'static str> {
        match self.tier {
            Everyday => None,
            Long(why) => Some(why),
        }
    }

    /// The check that a test of a suite's program `it` belongs to: of those whose names it begins with, the longest.
    pub(super) fn of(suite: Suite, test: &str) -> Option<&'static Self> {
        let prefix = |check: &&Self| match check.runs {
            Tests(of, prefix) if of == suite && test.starts_with(prefix) => prefix.len(),
            _ => 0,
        };
        CHECKS.iter().filter(|check| prefix(check) > 0).max_by_key(prefix)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use xtask_contract::Repo;

    use super::*;

    #[test]
    fn each_module_of_both_programs_is_in_some_check() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let repo = Repo::around(here).unwrap();
        let service = repo.root().join(repo.service().unwrap().as_str());
        for (suite, package) in [(Toolchain, here.join("..")), (Service, service)] {
            let path = package.join("tests/it/main.rs");
            let text = fs::read_to_string(&path).unwrap();
            let modules = text.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
            let without: Vec<&str> = modules
                .filter(|module| *module != "support")
                .filter(|module| Check::of(suite, &format!("{module}::a_test")).is_none())
                .collect();
            assert!(without.is_empty(), "in no check: {without:?} of {}", path.display());
        }
    }

    #[test]
    fn a_test_belongs_to_the_check_that_names_it_most_closely() {
        let name = |test| Check::of(Toolchain, test).map(|check| check.name);
        assert_eq!(name("cluster::sharing::two_runs"), Some("cluster"));
        assert_eq!(name("cluster::long::steady::all"), Some("steady load"));
        assert_eq!(name("nowhere::at_all"), None);
    }
}
