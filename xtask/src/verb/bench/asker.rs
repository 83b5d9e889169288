//! The program that asks (the crate `todo-bench`), as this one calls it.

use std::{path::PathBuf, process::Command};

use serde::{Deserialize, de::IgnoredAny};
use xtask_contract::{Callee, Context, Error, Progress, Result};

use super::{Bench, process::on_one_core};

/// The compiled program.
pub(super) struct Asker(PathBuf);

/// What came of asking.
#[derive(Debug, Deserialize)]
pub(super) struct Figures {
    pub(super) count: f64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Asker {
    pub(super) fn compile(bench: &Bench<'_>) -> Result<Self> {
        bench.ui.step("compiling the program that asks");
        let target = bench.repo.root().join("target");
        let mut cargo = Callee::Downloads.command("cargo");
        cargo.current_dir(bench.repo.root()).args(["build", "--quiet", "--locked", "--release"]);
        let status = cargo.args(["--package", "todo-bench", "--target-dir"]).arg(&target).status();
        let doing = || "compiling the program that asks";
        match status.doing(doing)? {
            status if status.success() => Ok(Self(target.join("release/todo-bench"))),
            status => Err(Error::failed(doing(), format!("cargo ended with {status}"))),
        }
    }

    /// Has it do something that has no figures.
    pub(super) fn run(&self, args: &[&str]) -> Result<()> {
        call::<IgnoredAny>(Command::new(&self.0), args).map(drop)
    }

    pub(super) fn figures(&self, args: &[&str]) -> Result<Figures> {
        call(Command::new(&self.0), args).and_then(there)
    }

    /// The same on one core, as what it is compared with.
    pub(super) fn figures_of_one_core(&self, args: &[&str]) -> Result<Figures> {
        call(on_one_core(&self.0), args).and_then(there)
    }
}

fn call<T: for<'a> Deserialize<'a>>(mut command: Command, args: &[&str]) -> Result<Option<T>> {
    let what = args.first().copied().unwrap_or_default();
    let doing = || format!("running todo-bench {what}");
    let output = command.args(args).output().doing(doing)?;
    if !output.status.success() {
        return Err(Error::failed(doing(), String::from_utf8_lossy(&output.stderr).trim()));
    }
    if output.stdout.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&output.stdout).doing(|| format!("reading what todo-bench {what} says")).map(Some)
}

fn there(figures: Option<Figures>) -> Result<Figures> {
    figures.ok_or_else(|| Error::failed("running todo-bench", "it said nothing"))
}
