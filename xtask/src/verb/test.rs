//! `cargo xtask test`: all checks, the fast ones first.

use std::{process::Stdio, time::Instant};

use serde::Serialize;
use tokio::process::Command;
use xtask_contract::{Context, Error, Progress, Repo, Result};

use crate::{cli, engine::Engine, ui::Ui};

/// A check: a name, a cargo command line, and what it needs.
struct Check {
    name: &'static str,
    cargo: &'static [&'static str],
    needs: Needs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A Docker Engine and the `kind` command.
    Kind,
}

// The toolchain's and the service's are two sets of packages, each always the same one, so that what they depend on is
// compiled with one set of features: for the toolchain with that of `cargo xtask` itself.
const CHECKS: [Check; 21] = [
    Check::new("format", &["fmt", "--all", "--check"]),
    Check::new("lints", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    Check::new(
        "unit tests",
        &[
            "test",
            "--locked",
            "--lib",
            "--bins",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
        ],
    ),
    Check::new(
        "unit tests of the service",
        &["test", "--locked", "--bins", "--package", "todo-api", "--package", "todo-bench"],
    ),
    Check::new(
        "doc tests",
        &[
            "test",
            "--locked",
            "--doc",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
        ],
    ),
    Check::new(
        "layering",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "layering::",
        ],
    ),
    Check::new(
        "command line",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "command_line::",
        ],
    ),
    Check::new(
        "service",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "todo-api",
            "--package",
            "todo-bench",
            "--",
            "service::",
        ],
    ),
    Check::new(
        "endurance",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "todo-api",
            "--package",
            "todo-bench",
            "--",
            "endurance::",
        ],
    ),
    Check::new(
        "page",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "todo-api",
            "--package",
            "todo-bench",
            "--",
            "page::",
        ],
    ),
    Check::new(
        "config",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "config::",
        ],
    ),
    Check::new(
        "build, provenance",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "build::",
            "provenance::",
        ],
    ),
    Check::new(
        "ledger",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "ledger::",
        ],
    ),
    Check::new(
        "local",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "local::",
        ],
    ),
    Check::new(
        "services",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "services::",
        ],
    ),
    Check::new(
        "registry",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "registry::",
        ],
    ),
    Check {
        needs: Needs::Kind,
        ..Check::new(
            "kind",
            &[
                "test",
                "--locked",
                "--test",
                "it",
                "--package",
                "xtask",
                "--package",
                "xtask-build",
                "--package",
                "xtask-contract",
                "--package",
                "xtask-lines",
                "--package",
                "xtask-release",
                "--package",
                "xtask-run",
                "--",
                "kind::",
            ],
        )
    },
    Check::new(
        "documents",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "documents::",
        ],
    ),
    Check::new(
        "fuzz",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "todo-api",
            "--package",
            "todo-bench",
            "--",
            "fuzz::",
        ],
    ),
    Check::new(
        "playbook",
        &[
            "test",
            "--locked",
            "--test",
            "it",
            "--package",
            "xtask",
            "--package",
            "xtask-build",
            "--package",
            "xtask-contract",
            "--package",
            "xtask-lines",
            "--package",
            "xtask-release",
            "--package",
            "xtask-run",
            "--",
            "playbook::",
        ],
    ),
    Check {
        needs: Needs::Kind,
        ..Check::new(
            "cluster",
            &[
                "test",
                "--locked",
                "--test",
                "it",
                "--package",
                "xtask",
                "--package",
                "xtask-build",
                "--package",
                "xtask-contract",
                "--package",
                "xtask-lines",
                "--package",
                "xtask-release",
                "--package",
                "xtask-run",
                "--",
                "cluster::",
            ],
        )
    },
];

impl Check {
    const fn new(name: &'static str, cargo: &'static [&'static str]) -> Self {
        Self { name, cargo, needs: Needs::Nothing }
    }
}

/// What the checks are called, in their order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

#[derive(Default, Serialize)]
struct Document {
    passed: Vec<&'static str>,
    skipped: Vec<&'static str>,
}

pub(crate) fn test(repo: &Repo, args: &cli::Test, ui: &Ui) -> Result<()> {
    let chosen: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| args.only.as_ref().is_none_or(|only| check.name.contains(only)))
        .collect();
    if chosen.is_empty() {
        let names = names().collect::<Vec<_>>().join(", ");
        return Err(
            Error::usage("choosing the checks", "none has such a name").next(format!("there are: {names}"))
        );
    }
    let required = std::env::var("XTASK_E2E").is_ok_and(|value| value == "required");
    super::runtime()?.block_on(async {
        let no_kind = without_kind().await;
        let mut document = Document::default();
        xtask_run::with_postgres(ui, async |url| {
            for check in chosen {
                match no_kind.as_ref().filter(|_| check.needs == Needs::Kind) {
                    Some(why) if required => {
                        return Err(Error::failed(format!("checking {}", check.name), why).next(
                            "XTASK_E2E=required lets nothing be skipped: provide it, or leave that out",
                        ));
                    }
                    Some(why) => {
                        ui.note(&format!("skipped: {} ({why})", check.name));
                        document.skipped.push(check.name);
                    }
                    None => {
                        let began = Instant::now();
                        run(repo, check, url, ui).await?;
                        ui.note(&format!("passed: {} ({} s)", check.name, began.elapsed().as_secs()));
                        document.passed.push(check.name);
                    }
                }
            }
            Ok(())
        })
        .await?;
        let words = format!("checks: {} passed, {} skipped", document.passed.len(), document.skipped.len());
        ui.result(&words, &document);
        Ok(())
    })
}

/// Why the kind target cannot be tried here, if it cannot.
async fn without_kind() -> Option<String> {
    if Engine::answers().await.is_err() {
        return Some("no Docker Engine answers".into());
    }
    let kind = Command::new("kind").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    (!kind.is_ok_and(|status| status.success())).then(|| "the `kind` command is not on this machine".into())
}

async fn run(repo: &Repo, check: &Check, postgres: &str, ui: &Ui) -> Result<()> {
    ui.finish_step();
    ui.note(&format!("checking {}: cargo {}", check.name, check.cargo.join(" ")));
    let doing = || format!("checking {}", check.name);
    let mut cargo = Command::new("cargo");
    cargo.args(check.cargo).current_dir(repo.root()).env("TEST_DATABASE_URL", postgres).kill_on_drop(true);
    // Cargo tells its children which package it runs; what runs here is another one.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    if ui.is_json() {
        // Standard output is the document's alone.
        cargo.stdout(std::io::stderr());
    }
    let status = cargo.status().await.doing(doing)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::failed(doing(), status).next(match check.name {
        "format" => "run `cargo fmt --all` (if cargo has no `fmt`: `rustup component add rustfmt`)",
        "lints" => "mend what is named above (if cargo has no `clippy`: `rustup component add clippy`)",
        _ => "mend what is named above; `cargo xtask test NAME` runs one check alone",
    }))
}
