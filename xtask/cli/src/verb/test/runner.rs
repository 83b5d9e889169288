//! Runs selected tests: by cargo-nextest where it is installed, else by cargo's own harness.

use std::{
    fs,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
};
use xtask_contract::{Context, Error, Progress, Repo, Result};

use super::{
    junit, libtest,
    suite::{Selection, Suite},
};
use crate::ui::Ui;

/// How many tests cargo's harness runs at once; nextest's profiles say it for nextest.
const AT_ONCE: &str = "3";

/// A test that was run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    /// `releasing::a_release_is_read_only`, in its program.
    pub(super) name: String,
    /// Whether its program is `it`, and not that of a crate's unit tests.
    pub(super) in_it: bool,
    /// How long it took; cargo's own harness does not tell.
    pub(super) seconds: Option<f64>,
    pub(super) passed: bool,
    /// What it said when it failed, if it passed when it was tried again.
    pub(super) unstable: Option<String>,
    /// What it said, if it failed.
    pub(super) output: String,
}

/// What runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    /// Each test in a process of its own, with a report that has the time of each.
    Nextest,
    /// Cargo's own harness: the same tests and results, without times.
    Cargo,
}

impl Runner {
    /// The one that this machine has.
    pub(super) async fn of_this_machine(repo: &Repo) -> Self {
        let mut asked = super::cargo(repo);
        asked.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        let there = asked.status().await.is_ok_and(|status| status.success());
        if there { Self::Nextest } else { Self::Cargo }
    }

    /// Runs the tests of all suites in this environment, one suite after the other: some of the service's look at how long
    /// something takes, while the toolchain's compile on all cores. What is said on the way is shown.
    pub(super) async fn run_all(
        self,
        repo: &Repo,
        selections: &[Selection],
        environment: &[(&str, String)],
        ui: &Ui,
    ) -> Result<Vec<(Suite, Test)>> {
        let mut all = Vec::new();
        for selection in selections.iter().rev() {
            let tests = self.run(repo, selection, environment, ui).await?;
            all.extend(tests.into_iter().map(|test| (selection.suite, test)));
        }
        Ok(all)
    }

    async fn run(
        self,
        repo: &Repo,
        selection: &Selection,
        environment: &[(&str, String)],
        ui: &Ui,
    ) -> Result<Vec<Test>> {
        match self {
            Self::Nextest => nextest(repo, selection, environment, ui).await,
            Self::Cargo => cargo(repo, selection, environment, ui).await,
        }
    }
}

async fn nextest(
    repo: &Repo,
    selection: &Selection,
    environment: &[(&str, String)],
    ui: &Ui,
) -> Result<Vec<Test>> {
    let suite = selection.suite;
    let doing = || format!("running the tests of the {}", suite.name());
    let report = repo.root().join("target/nextest").join(suite.name()).join("junit.xml");
    let _ = fs::remove_file(&report);
    let mut nextest = suite.cargo(repo, &["nextest", "run"]);
    nextest.args(selection.targets()).args(["--profile", suite.name(), "--no-tests", "pass"]);
    nextest.args(["--show-progress", "none", "--final-status-level", "none", "--cargo-quiet"]);
    nextest.args(["-E", &filter(selection)]).envs(environment.iter().map(|(name, value)| (name, value)));
    let (status, _) = shown(&mut nextest, ui).await.doing(doing)?;
    match fs::read_to_string(&report) {
        Ok(text) => junit::tests(&text).doing(|| format!("reading {}", report.display())),
        Err(_) if status.success() => Ok(Vec::new()), // no test has such a name
        Err(_) => Err(Error::failed(doing(), format!("cargo-nextest has left no report: {status}"))),
    }
}

/// A selection in nextest's language for sets of tests.
fn filter(selection: &Selection) -> String {
    let any = |prefixes: &[&str]| {
        let tests: Vec<String> = prefixes.iter().map(|prefix| format!("test(/^{prefix}/)")).collect();
        if tests.is_empty() { "none()".to_owned() } else { tests.join(" | ") }
    };
    let units = if selection.units { "kind(lib) | kind(bin)" } else { "none()" };
    let it = format!("binary(it) & ({}) - ({})", any(&selection.included), any(&selection.excluded));
    match &selection.only {
        Some(only) => format!("(({units}) | ({it})) & test({only})"),
        None => format!("({units}) | ({it})"),
    }
}

async fn cargo(
    repo: &Repo,
    selection: &Selection,
    environment: &[(&str, String)],
    ui: &Ui,
) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    let programs = [(selection.units, Suite::units()), (!selection.included.is_empty(), &["--test", "it"])];
    for (in_it, (_, targets)) in programs.into_iter().enumerate().filter(|(_, (wanted, _))| *wanted) {
        let in_it = in_it == 1;
        let mut cargo = selection.suite.cargo(repo, &["test", "--no-fail-fast"]);
        cargo.args(targets).args(["--", "--test-threads", AT_ONCE]);
        match &selection.only {
            Some(only) => drop(cargo.arg(only)),
            None if in_it => drop(cargo.args(&selection.included)),
            None => {}
        }
        cargo.args(selection.excluded.iter().flat_map(|excluded| ["--skip", excluded]));
        cargo.envs(environment.iter().map(|(name, value)| (name, value)));
        let doing = || format!("running the tests of the {}", selection.suite.name());
        let (status, said) = shown(&mut cargo, ui).await.doing(doing)?;
        let ran = libtest::tests(&said, in_it);
        if !status.success() && ran.iter().all(|test| test.passed) {
            return Err(Error::failed(doing(), status).next("mend what is named above"));
        }
        tests.extend(ran);
    }
    Ok(tests)
}

/// Runs a command and shows all that it says, line by line, as it comes; how it ended, and what was said.
async fn shown(command: &mut Command, ui: &Ui) -> std::io::Result<(ExitStatus, String)> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (said, _, status) = tokio::try_join!(lines(out, ui), lines(err, ui), child.wait())?;
    Ok((status, said))
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, ui: &Ui) -> std::io::Result<String> {
    let mut all = String::new();
    let Some(stream) = stream else { return Ok(all) };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line);
        ui.note(&line);
        all.push_str(&line);
        all.push('\n');
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_set_of_nextests() {
        let mut selection = Selection {
            suite: Suite::Toolchain,
            units: true,
            included: vec!["ledger::", "cluster::"],
            excluded: vec!["cluster::long::steady"],
            only: None,
        };
        assert_eq!(
            filter(&selection),
            "(kind(lib) | kind(bin)) | (binary(it) & (test(/^ledger::/) | test(/^cluster::/)) - \
             (test(/^cluster::long::steady/)))"
        );
        selection = Selection { units: false, excluded: vec![], only: Some("racing".into()), ..selection };
        assert_eq!(
            filter(&selection),
            "((none()) | (binary(it) & (test(/^ledger::/) | test(/^cluster::/)) - (none()))) & test(racing)"
        );
    }
}
