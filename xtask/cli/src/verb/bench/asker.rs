//! The program that asks (the crate `todo-bench`), as this one calls it.

use std::{ffi::OsStr, path::PathBuf};

use serde::{Deserialize, de::IgnoredAny};
use xtask_contract::{Context, Error, Progress, Result};

use super::Bench;

/// The variable that names the database.
const DATABASE: &str = "DATABASE_URL";

/// The compiled program.
pub(super) struct Asker<'a> {
    bench: &'a Bench<'a>,
    program: PathBuf,
}

/// What came of asking.
#[derive(Debug, Deserialize)]
pub(super) struct Figures {
    pub(super) count: f64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl<'a> Asker<'a> {
    pub(super) async fn compile(bench: &'a Bench<'a>) -> Result<Self> {
        bench.ui.step("compiling the program that asks");
        let (manifest, target) = (bench.repo.root().join("Cargo.toml"), bench.repo.root().join("target"));
        let [manifest, folder] = [&manifest, &target].map(|path| path.display().to_string());
        let what = ["build", "--quiet", "--locked", "--release", "--package", "todo-bench"];
        let which = ["--manifest-path", &manifest, "--target-dir", &folder];
        bench.call("cargo", &[&what[..], &which[..]].concat()).await?;
        Ok(Self { bench, program: target.join("release/todo-bench") })
    }

    /// The plain service, which is compiled along with it.
    pub(super) fn plain(&self) -> PathBuf {
        self.program.with_file_name("todo-plain")
    }

    /// Has it do something that has no figures.
    pub(super) async fn run(&self, args: &[&str]) -> Result<()> {
        self.call::<IgnoredAny>(self.program.as_os_str(), args, &[]).await.map(drop)
    }

    /// The same to a database.
    pub(super) async fn run_on(&self, database: &str, args: &[&str]) -> Result<()> {
        let variables = [(DATABASE, database)];
        self.call::<IgnoredAny>(self.program.as_os_str(), args, &variables).await.map(drop)
    }

    pub(super) async fn figures(&self, args: &[&str]) -> Result<Figures> {
        self.call(self.program.as_os_str(), args, &[]).await.and_then(there)
    }

    /// The same of a database and on one core, as what it is compared with.
    pub(super) async fn figures_of_one_core(&self, args: &[&str], database: &str) -> Result<Figures> {
        let program = self.program.display().to_string();
        let all = [&["--cpu-list", "0", &program], args].concat();
        self.call(OsStr::new("taskset"), &all, &[(DATABASE, database)]).await.and_then(there)
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        program: &OsStr,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Option<T>> {
        let output = self.bench.call_with(program, args, variables).await?;
        if output.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&output).doing(|| "reading what todo-bench says").map(Some)
    }
}

fn there(figures: Option<Figures>) -> Result<Figures> {
    figures.ok_or_else(|| Error::failed("running todo-bench", "it said nothing"))
}
