//! `cargo xtask test`: all checks, the quick ones first.

mod checks;
mod cluster;
mod junit;
mod libtest;
mod report;
mod runner;
mod suite;

use std::{fs, time::Instant};

use tokio::process::Command;
use xtask_contract::{Callee, Context, Error, Progress, Repo, Result};

use crate::{
    cli,
    ui::{Text, Ui},
};
use checks::{CHECKS, Check, Runs};
use cluster::TestCluster;
use report::{Report, Round};
use runner::{Runner, Test};
use suite::{Selection, Suite};

/// What the checks are called, in their order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

pub(crate) fn test(repo: &Repo, args: &cli::Test, ui: &Ui) -> Result<()> {
    let chosen = Chosen::of(args);
    let rounds = args.repeat.unwrap_or(1);
    super::runtime()?.block_on(async {
        let mut report = Report::new(repo, &chosen.left_out());
        for number in 1..=rounds {
            let round = chosen.run(repo, ui).await?;
            if round.tests.is_empty() && chosen.only.is_some() {
                return Err(chosen.nothing_found());
            }
            let failed = report.adds(round);
            if rounds > 1 {
                ui.note(&format!("{number} of {rounds} times: {}", if failed { "failed" } else { "passed" }));
            }
            if failed {
                break;
            }
        }
        ui.result(Text::block(&report.to_string()), &report);
        report.verdict()
    })
}

/// What one call runs.
struct Chosen {
    checks: Vec<&'static Check>,
    /// Where no check has the given name: the tests in whose names it stands.
    only: Option<String>,
    /// Whether each test does as much as it can, however long that takes.
    long: bool,
    /// Whether what fails is looked for: then nothing is tried again.
    until_failure: bool,
}

impl Chosen {
    fn of(args: &cli::Test) -> Self {
        let named = |name: &String| -> Vec<&'static Check> {
            let exact = CHECKS.iter().filter(|check| check.name == *name).collect::<Vec<_>>();
            let containing = CHECKS.iter().filter(|check| check.name.contains(name.as_str()));
            if exact.is_empty() { containing.collect() } else { exact }
        };
        let everyday = || CHECKS.iter().filter(|check| args.all || !check.is_long()).collect::<Vec<_>>();
        let (checks, only) = match args.only.as_ref().map(|name| (named(name), name)) {
            None => (everyday(), None),
            Some((checks, _)) if !checks.is_empty() => (checks, None),
            Some((_, name)) => {
                let tests = |check: &&Check| matches!(check.runs, Runs::Units | Runs::Tests(..));
                (CHECKS.iter().filter(tests).collect(), Some(name.clone()))
            }
        };
        Self { checks, only, long: args.all, until_failure: args.repeat.is_some() }
    }

    fn nothing_found(&self) -> Error {
        let name = self.only.as_deref().unwrap_or_default();
        let there = names().collect::<Vec<_>>().join(", ");
        Error::usage(format!("looking for {name}"), "no check has such a name, and no test either")
            .next(format!("name one of these, or a part of a test's name: {there}"))
    }

    /// The checks that are left for `--all`, each with the reason.
    fn left_out(&self) -> Vec<(&'static str, &'static str)> {
        let all_others = self.only.is_none() && self.checks.len() > 1;
        let left = CHECKS.iter().filter(|check| all_others && !self.checks.contains(check));
        left.filter_map(|check| Some((check.name, check.why_long()?))).collect()
    }

    /// Runs it once: first what cargo does by itself, then all tests of both suites.
    async fn run(&self, repo: &Repo, ui: &Ui) -> Result<Round> {
        let mut round = Round::default();
        for check in &self.checks {
            let mut command = match check.runs {
                Runs::Cargo(arguments) => {
                    let mut cargo = cargo(repo);
                    cargo.args(arguments);
                    cargo
                }
                Runs::Examples(suite) => suite.cargo(repo, &["test", "--doc"]),
                Runs::Units | Runs::Tests(..) => continue,
            };
            let began = Instant::now();
            by_itself(&mut command, check.name, ui).await?;
            round.commands.push((check.name, began.elapsed().as_secs_f64()));
        }
        let selections =
            Suite::ALL.map(|suite| Selection::of(suite, &self.checks, &CHECKS, self.only.as_deref()));
        let selections: Vec<_> = selections.into_iter().filter(|selection| !selection.is_empty()).collect();
        for selection in &selections {
            round
                .compiled
                .push((selection.suite.name(), selection.suite.compile(repo, selection, ui).await?));
        }
        let began = Instant::now();
        round.tests = self.run_tests(repo, &selections, &mut round.skipped, ui).await?;
        round.seconds = began.elapsed().as_secs_f64();
        Ok(round)
    }

    async fn run_tests(
        &self,
        repo: &Repo,
        selections: &[Selection],
        skipped: &mut Vec<(String, String)>,
        ui: &Ui,
    ) -> Result<Vec<(Suite, Test)>> {
        let runner = Runner::of_this_machine(repo).await;
        if runner == Runner::Cargo {
            ui.note("cargo-nextest is not installed: the tests run all the same, and take longer");
        }
        let records = fresh_records(repo)?;
        let cluster = TestCluster::of(repo);
        cluster.delete().await;
        let mut environment = vec![
            ("XTASK_TEST_CLUSTER", cluster.name.clone()),
            ("XTASK_TEST_SKIPPED", records.skipped.clone()),
        ];
        if self.long {
            environment.push(("XTASK_LONG", "1".to_owned()));
        }
        if self.until_failure {
            environment.push(("NEXTEST_RETRIES", "0".to_owned()));
        }
        let asks_a_database =
            |selection: &Selection| selection.suite == Suite::Service && !selection.included.is_empty();
        let result = if selections.iter().any(asks_a_database) {
            xtask_local::with_postgres(ui, async |url| {
                environment.push(("TEST_DATABASE_URL", url.to_owned()));
                ui.finish_step();
                runner.run_all(repo, selections, &environment, ui).await
            })
            .await
        } else {
            runner.run_all(repo, selections, &environment, ui).await
        };
        cluster.delete().await;
        skipped.extend(records.skipped());
        result
    }
}

/// Where tests leave what they did, if they fail, and what they skipped.
struct Records {
    skipped: String,
}

/// The records of the call before are deleted.
fn fresh_records(repo: &Repo) -> Result<Records> {
    let folder = repo.root().join(report::RECORDS);
    let doing = || format!("emptying {}", report::RECORDS);
    if folder.exists() {
        fs::remove_dir_all(&folder).doing(doing)?;
    }
    fs::create_dir_all(&folder).doing(doing)?;
    Ok(Records { skipped: folder.join("skipped").display().to_string() })
}

impl Records {
    /// The tests that were skipped, and what each lacked.
    fn skipped(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(&self.skipped).unwrap_or_default();
        let split = |line: &str| line.split_once('\t').map(|(test, what)| (test.to_owned(), what.to_owned()));
        let mut skipped: Vec<_> = text.lines().filter_map(split).collect();
        skipped.sort();
        skipped.dedup();
        skipped
    }
}

/// `cargo` in the checkout.
fn cargo(repo: &Repo) -> Command {
    let mut cargo = Command::from(Callee::Checks.command("cargo"));
    cargo.current_dir(repo.root()).kill_on_drop(true);
    cargo
}

/// A check that is one command.
async fn by_itself(cargo: &mut Command, name: &str, ui: &Ui) -> Result<()> {
    let doing = || format!("checking {name}");
    ui.finish_step();
    ui.note(&format!("{} …", doing()));
    if ui.is_json() {
        // Standard output is the document's alone.
        cargo.stdout(std::io::stderr());
    }
    let status = cargo.status().await.doing(doing)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::failed(doing(), status).next(match name {
        "format" => "run `cargo fmt --all` (if cargo has no `fmt`: `rustup component add rustfmt`)",
        "lints" => "mend what is named above (if cargo has no `clippy`: `rustup component add clippy`)",
        _ => "mend what is named above",
    }))
}
