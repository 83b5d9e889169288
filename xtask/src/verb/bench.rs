//! `cargo xtask bench`: how long the stages take, side by side with the usual tools in the same run. It only
//! prints; nothing is judged, as machines differ and are busy.

mod images;
mod kind;
mod service;

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use serde::Serialize;
use xshell::{Shell, TempDir, cmd};
use xtask_contract::{Context, Error, Progress, Repo, Result};

use super::build;
use crate::{cli, ui::Ui};

/// A figure: the median of several runs, and the median of the usual tool's.
#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    unit: &'static str,
    ours: f64,
    goal: f64,
    peer: Option<Peer>,
}

#[derive(Debug, Serialize)]
struct Peer {
    name: &'static str,
    value: f64,
}

impl Figure {
    fn millis(name: &'static str, goal: f64, ours: Vec<f64>) -> Self {
        Self { name, unit: "ms", ours: median(ours), goal, peer: None }
    }

    fn beside(self, name: &'static str, theirs: Option<Vec<f64>>) -> Self {
        Self { peer: theirs.map(|theirs| Peer { name, value: median(theirs) }), ..self }
    }
}

pub(crate) fn bench(repo: &Repo, args: &cli::Bench, ui: &Ui) -> Result<()> {
    let built = build::make(repo, true, ui)?;
    let bench = Bench { repo, built: &built, runs: args.runs, place: Place::make(repo)?, ui };
    let mut figures = images::figures(&bench)?;
    figures.extend(bench.release()?);
    figures.extend(service::figures(&bench)?);
    figures.extend(kind::figures(&bench)?);
    ui.result(&table(&figures), &figures);
    Ok(())
}

/// What the measurements share.
struct Bench<'a> {
    repo: &'a Repo,
    built: &'a xtask_build::Built,
    runs: u32,
    place: Place,
    ui: &'a Ui,
}

impl Bench<'_> {
    /// Times something as often as was asked for, in milliseconds.
    fn time(&self, mut work: impl FnMut(u32) -> Result<()>) -> Result<Vec<f64>> {
        (0..self.runs).map(|run| time_once(|| work(run))).collect()
    }

    /// Calls this program in the throw-away checkout, as a person would, and gives back its JSON document.
    fn xtask(&self, args: &[&str]) -> Result<serde_json::Value> {
        let sh = &self.place.sh;
        let program = std::env::current_exe().doing(|| "looking for this program")?;
        let text = cmd!(sh, "{program} {args...} --json").quiet().ignore_stderr().read();
        let text = text.doing(|| format!("running xtask {}", args.join(" ")))?;
        serde_json::from_str(&text).doing(|| format!("reading what xtask {} says", args.join(" ")))
    }

    fn release(&self) -> Result<Vec<Figure>> {
        self.ui.step("measuring release");
        self.xtask(&["release", "--env", "local"])?;
        let mut times = Vec::new();
        for _ in 0..self.runs {
            next_second();
            times.push(time_once(|| self.xtask(&["release", "--env", "local"]))?);
        }
        Ok(vec![Figure::millis("release", 30.0, times)])
    }
}

/// The milliseconds that something takes.
fn time_once<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// A throw-away checkout: its own deploys and ledger, and the builds of the real one.
struct Place {
    folder: TempDir,
    sh: Shell,
}

impl Place {
    fn make(repo: &Repo) -> Result<Self> {
        let make = || -> xshell::Result<Self> {
            let sh = Shell::new()?;
            let folder = sh.create_temp_dir()?;
            sh.change_dir(folder.path());
            let (k8s, manifest, target) =
                (repo.k8s(), repo.root().join("Cargo.toml"), repo.root().join("target"));
            cmd!(sh, "cp -r {k8s} {manifest} .").quiet().run()?;
            cmd!(sh, "rm -f k8s/envs/local.secrets.toml k8s/envs/dev.secrets.toml").quiet().run()?;
            cmd!(sh, "ln -s {target} target").quiet().run()?;
            Ok(Self { folder, sh })
        };
        make().doing(|| "making a throw-away checkout")
    }
}

/// IDs are seconds: a second release in one second would wait, and that is not what is measured.
fn next_second() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "the next second is just what is awaited here")]
    std::thread::sleep(Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanos())));
}

/// Whether a command answers, for peers that may not be there.
fn has(sh: &Shell, program: &str, args: &[&str]) -> bool {
    cmd!(sh, "{program} {args...}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// Runs a peer's command, which must succeed.
fn peer(sh: &Shell, program: &str, args: &[&str]) -> Result<()> {
    let output = cmd!(sh, "{program} {args...}").quiet().ignore_status().output();
    let doing = || format!("running {program} {}", args.join(" "));
    let output = output.doing(doing)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::failed(doing(), String::from_utf8_lossy(&output.stderr).trim()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn table(figures: &[Figure]) -> String {
    let mut text = format!("{:<44}{:>12}{:>12}   beside\n", "median of", "here", "goal");
    for Figure { name, unit, ours, goal, peer } in figures {
        let peer = peer.as_ref().map_or_else(String::new, |peer| {
            format!("{} {:.1} {unit} ({:.1} times as much)", peer.name, peer.value, peer.value / ours)
        });
        let (ours, goal) = (format!("{ours:.1} {unit}"), format!("{goal:.0} {unit}"));
        let _ = writeln!(text, "{name:<44}{ours:>12}{goal:>12}   {peer}");
    }
    text.trim_end().to_owned()
}
