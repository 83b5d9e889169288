//! What was checked, how long each part took, and what failed.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use serde::Serialize;
use xtask_contract::{Error, Repo, Result};

use super::{checks::Check, runner::Test, suite::Suite};

/// Where a test that fails leaves what it did, in a folder of its name.
pub(super) const RECORDS: &str = "target/xtask/test";
/// How many of the slowest tests are named.
const SLOWEST: usize = 20;
/// What unit tests are counted as.
const UNITS: &str = "unit tests";

/// One time that all of it was run.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The checks that are commands of cargo's, and their seconds.
    pub(super) commands: Vec<(&'static str, f64)>,
    /// The suites, and the seconds that it took to compile them.
    pub(super) compiled: Vec<(&'static str, f64)>,
    pub(super) tests: Vec<(Suite, Test)>,
    /// Tests that were skipped, and what they lack.
    pub(super) skipped: Vec<(String, String)>,
    /// How long the tests took together, side by side as they ran.
    pub(super) seconds: f64,
}

/// What is told in the end.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    checks: Vec<Row>,
    compile_seconds: BTreeMap<&'static str, f64>,
    run_seconds: f64,
    slowest: Vec<Slow>,
    skipped: Vec<Skipped>,
    failed: Vec<Failed>,
    /// Those that failed, and passed when they were tried again.
    unstable: Vec<Unstable>,
    left_out: Vec<LeftOut>,
    passed: usize,
    rounds: usize,
    #[serde(skip)]
    root: PathBuf,
}

/// A check: the seconds of its tests, added up.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    tests: usize,
    failed: usize,
    seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Slow {
    test: String,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Skipped {
    test: String,
    lacks: String,
}

#[derive(Debug, Serialize)]
struct Failed {
    test: String,
    /// Where what it did is kept.
    records: PathBuf,
    output: String,
}

#[derive(Debug, Serialize)]
struct Unstable {
    test: String,
    output: String,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    check: &'static str,
    why: &'static str,
}

impl Report {
    /// A report of nothing yet, with the checks that are left out on purpose.
    pub(super) fn new(repo: &Repo, left_out: &[(&'static str, &'static str)]) -> Self {
        Self {
            checks: Vec::new(),
            compile_seconds: BTreeMap::new(),
            run_seconds: 0.0,
            slowest: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            unstable: Vec::new(),
            left_out: left_out.iter().map(|(check, why)| LeftOut { check, why }).collect(),
            passed: 0,
            rounds: 0,
            root: repo.root().to_owned(),
        }
    }

    /// Adds a round; whether something failed in it.
    pub(super) fn adds(&mut self, round: Round) -> bool {
        self.rounds += 1;
        for (name, seconds) in round.compiled {
            *self.compile_seconds.entry(name).or_default() += seconds;
        }
        for (name, seconds) in round.commands {
            self.row(name).add(1, 0, Some(seconds));
        }
        self.run_seconds += round.seconds;
        self.skipped.extend(round.skipped.into_iter().map(|(test, lacks)| Skipped { test, lacks }));
        for (suite, mut test) in round.tests {
            if let Some(output) = test.unstable.take() {
                self.unstable.push(Unstable { test: test.name.clone(), output });
            }
            let check =
                if test.in_it { Check::of(suite, &test.name).map_or("tests", |it| it.name) } else { UNITS };
            self.row(check).add(1, usize::from(!test.passed), test.seconds);
            let seconds = test.seconds;
            self.slowest.extend(seconds.map(|seconds| Slow { test: test.name.clone(), seconds }));
            if test.passed {
                self.passed += 1;
                let _ = fs::remove_dir_all(self.root.join(RECORDS).join(folder_of(&test.name)));
            } else {
                self.fails(test);
            }
        }
        self.slowest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        self.slowest.truncate(SLOWEST);
        !self.failed.is_empty()
    }

    fn fails(&mut self, test: Test) {
        let records = PathBuf::from(RECORDS).join(folder_of(&test.name));
        let folder = self.root.join(&records);
        // What it said belongs to what it did; where that cannot be written, it stands in the report alone.
        let _ = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("output"), &test.output));
        self.failed.push(Failed { test: test.name, records, output: test.output });
    }

    fn row(&mut self, name: &'static str) -> &mut Row {
        let place = self.checks.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.checks.push(Row { name, tests: 0, failed: 0, seconds: None });
            self.checks.len() - 1
        });
        &mut self.checks[place]
    }

    /// An error, if anything failed.
    pub(super) fn verdict(&self) -> Result<()> {
        let Some(first) = self.failed.first() else { return Ok(()) };
        let why = format!("{} of {} tests failed", self.failed.len(), self.failed.len() + self.passed);
        let next = format!("`cargo xtask test {} --repeat 20` runs one alone until it fails", first.test);
        Err(Error::failed("running the checks", why).next(next))
    }
}

/// The first lines of why a test failed, cut short: where a log is kept without its middle, they are in its end.
fn why(output: &str) -> impl Iterator<Item = String> {
    const LINES: usize = 6;
    const WIDTH: usize = 300;
    let lines = output.lines().skip_while(|line| !line.contains("panicked at"));
    let lines = lines.take_while(|line| !line.starts_with("stack backtrace:")).take(LINES);
    lines.map(|line| line.chars().take(WIDTH).collect())
}

/// A test's name as a folder's.
pub(super) fn folder_of(test: &str) -> String {
    test.replace("::", ".")
}

impl Row {
    fn add(&mut self, tests: usize, failed: usize, seconds: Option<f64>) {
        self.tests += tests;
        self.failed += failed;
        if let Some(seconds) = seconds {
            *self.seconds.get_or_insert(0.0) += seconds;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |it| format!("{it:.1}"));
        writeln!(f, "{:<18} {:>5} {:>8}", "check", "tests", "seconds")?;
        for Row { name, tests, failed, seconds: took } in &self.checks {
            let failed = if *failed > 0 { format!("  {failed} failed") } else { String::new() };
            writeln!(f, "{name:<18} {tests:>5} {:>8}{failed}", seconds(*took))?;
        }
        let compiled = self.compile_seconds.iter().map(|(suite, seconds)| format!("{suite} {seconds:.0} s"));
        let compiled = compiled.collect::<Vec<_>>().join(", ");
        if !compiled.is_empty() {
            writeln!(f, "compiled: {compiled}; all tests together ran for {:.0} s", self.run_seconds)?;
        }
        if self.slowest.len() > 1 {
            writeln!(f, "\nslowest:")?;
            for Slow { test, seconds } in &self.slowest {
                writeln!(f, "{seconds:>8.1} s  {test}")?;
            }
        }
        for LeftOut { check, why } in &self.left_out {
            writeln!(f, "left for --all: {check} ({why})")?;
        }
        for Skipped { test, lacks } in &self.skipped {
            writeln!(f, "skipped: {test} ({lacks} is missing)")?;
        }
        for Unstable { test, output } in &self.unstable {
            writeln!(f, "failed, and passed when it was tried again: {test}")?;
            for line in why(output) {
                writeln!(f, "    {line}")?;
            }
        }
        for Failed { test, records, output } in &self.failed {
            writeln!(f, "failed: {test} (see {})", records.display())?;
            for line in why(output) {
                writeln!(f, "    {line}")?;
            }
        }
        if self.rounds > 1 {
            writeln!(
                f,
                "{} of {} rounds passed",
                self.rounds - usize::from(!self.failed.is_empty()),
                self.rounds
            )?;
        }
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len())
    }
}
