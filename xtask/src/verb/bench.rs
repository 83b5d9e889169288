//! `cargo xtask bench`: how long the stages take, side by side with the usual tools in the same run. It only
//! prints; nothing is judged, as machines differ and are busy.

mod asker;
mod images;
mod kind;
mod ledger;
mod logs;
mod peer;
mod process;
mod requests;
mod service;
mod timely;

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use serde::Serialize;
use xshell::{Shell, TempDir, cmd};
use xtask_contract::{Context, Error, Progress, Repo, Result};

use self::asker::Asker;
use super::build;
use crate::{
    cli::{self, Part},
    ui::Ui,
};

/// A figure: the median of several runs, and the median of the usual tool's.
#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    unit: &'static str,
    ours: f64,
    goal: f64,
    best: Best,
    peer: Option<Peer>,
}

/// Which is better: a figure above its goal, or one below it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Best {
    Least,
    Most,
}

#[derive(Debug, Serialize)]
struct Peer {
    name: &'static str,
    value: f64,
}

impl Figure {
    fn millis(name: &'static str, goal: f64, ours: Vec<f64>) -> Self {
        Self { name, unit: "ms", ours: median(ours), goal, best: Best::Least, peer: None }
    }

    fn beside(self, name: &'static str, theirs: Option<Vec<f64>>) -> Self {
        Self { peer: theirs.map(|theirs| Peer { name, value: median(theirs) }), ..self }
    }

    fn is_missed(&self) -> bool {
        match self.best {
            Best::Least => self.ours > self.goal,
            Best::Most => self.ours < self.goal,
        }
    }
}

pub(crate) fn bench(repo: &Repo, args: &cli::Bench, ui: &Ui) -> Result<()> {
    let built = build::make(repo, true, ui)?;
    let bench = Bench { repo, built: &built, runs: args.runs, place: Place::make(repo)?, ui };
    let mut figures = Vec::new();
    for part in Part::value_variants().iter().copied() {
        if args.parts.is_empty() || args.parts.contains(&part) {
            figures.extend(bench.measure(part)?);
        }
    }
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
    fn measure(&self, part: Part) -> Result<Vec<Figure>> {
        match part {
            Part::Build => images::figures(self),
            Part::Release => self.release(),
            Part::Ledger => ledger::figures(self),
            Part::Logs => logs::figures(self),
            Part::Service => service::figures(self),
            Part::Events => timely::figures(self, &Asker::compile(self)?),
            Part::Requests => requests::figures(self, &Asker::compile(self)?),
            Part::Kind => kind::figures(self),
        }
    }

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
    let mut text = format!("{:<44}{:>12}{:>12}           beside\n", "median of", "here", "goal");
    for figure in figures {
        let Figure { name, unit, ours, goal, peer, .. } = figure;
        let peer = peer.as_ref().map_or_else(String::new, |peer| {
            format!("{} {} {unit} ({} times as much)", peer.name, short(peer.value), short(peer.value / ours))
        });
        let missed = if figure.is_missed() { "missed" } else { "" };
        let (ours, goal) = (format!("{} {unit}", short(*ours)), format!("{} {unit}", short(*goal)));
        let line = format!("{name:<44}{ours:>12}{goal:>12}   {missed:<6}  {peer}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.trim_end().to_owned()
}

/// A number with no more digits than it deserves.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        1000.0.. => 0,
        1.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(best: Best, ours: f64, goal: f64, peer: f64) -> Figure {
        Figure { name: "it", unit: "/s", ours, goal, best, peer: Some(Peer { name: "other", value: peer }) }
    }

    #[test]
    fn what_is_missed_is_said_whichever_way_is_better() {
        let text = table(&[
            figure(Best::Most, 5000.0, 4000.0, 400.0),
            figure(Best::Most, 3999.9, 4000.4, 400.0),
            figure(Best::Least, 0.5, 1.25, 12.0),
            figure(Best::Least, 1.5, 1.25, 12.0),
        ]);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        let lines: Vec<_> = text.lines().skip(1).map(words).collect();
        assert_eq!(
            lines,
            [
                "it 5000 /s 4000 /s other 400.0 /s (0.08 times as much)",
                "it 4000 /s 4000 /s missed other 400.0 /s (0.10 times as much)",
                "it 0.50 /s 1.2 /s other 12.0 /s (24.0 times as much)",
                "it 1.5 /s 1.2 /s missed other 12.0 /s (8.0 times as much)",
            ]
        );
    }
}
