//! `cargo xtask bench`: how long the stages take and what the service needs, side by side with the usual tools in the same
//! run. It prints and, if asked to, saves. There is no pass or fail, as machines differ and are busy. A part is a file
//! that gives back figures.

mod asker;
mod call;
mod documents;
mod figure;
mod machine;
mod made;
mod parts;
mod peer;
mod place;
mod process;
mod record;
mod report;
mod stop;

use std::{
    cell::RefCell,
    path::Path,
    time::{Duration, Instant},
};

use chrono::Utc;
use clap::ValueEnum;
use xtask_contract::{Context, Error, Git, Progress, Repo, Result, durable};

use self::{
    figure::Figure,
    machine::{Load, Machine, load},
    made::Made,
    place::Place,
    record::{Measured, Occasion, Record},
    stop::Stop,
};
use super::build;
use crate::backends::Known;
use crate::{
    cli::{self, Part},
    ui::{Text, Ui},
};

pub(crate) fn bench(repo: &Repo, args: &cli::Bench, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    // What measures clusters takes the program that speaks to them; it begins anew there.
    if args.parts.is_empty() || args.parts.contains(&Part::Kind) {
        backends.clusters()?;
    }
    // Two at a time would measure one another.
    let lock = repo.rebuildable().join("bench.lock");
    let _lock = durable::lock(&lock).doing(|| format!("taking the lock {}", lock.display()))?;
    let built = build::make(repo, true, ui)?;
    let program = xtask_build::program(repo)?;
    let occasion = occasion(repo, args.runs)?;
    let (measured, failed) =
        super::runtime()?.block_on(all(repo, (&built, &program), args, &occasion, backends, ui))?;
    let record = Record { parts: measured };
    let words = report::table(&record);
    if args.save {
        save(repo, &record, ui)?;
    }
    ui.result(Text::block(&words), &record);
    together(failed).map_or(Ok(()), Err)
}

/// Measures all parts that are asked for. One that fails does not keep the others from being measured.
async fn all(
    repo: &Repo,
    (built, program): (&xtask_build::Built, &Path),
    args: &cli::Bench,
    occasion: &Occasion,
    backends: &Known<'_>,
    ui: &Ui,
) -> Result<(Vec<Measured>, Vec<Error>)> {
    let stop = Stop::listen()?;
    let made = Made::by(repo).await;
    made.clear_away().await?;
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for part in Part::value_variants() {
        if !args.parts.is_empty() && !args.parts.contains(part) {
            continue;
        }
        let bench = Bench {
            repo,
            built,
            program,
            runs: args.runs,
            place: Place::make(repo)?,
            made: &made,
            stop: &stop,
            backends,
            ui,
            notes: RefCell::default(),
            skipped: RefCell::default(),
        };
        let before = load();
        let figures = parts::figures(*part, &bench).await;
        let load = Load { before, after: load() };
        ui.step("clearing away");
        failed.extend(made.clear_away().await.err());
        stop.check()?;
        match figures {
            Ok(figures) => measured.push(bench.measured(*part, occasion, load, figures)),
            Err(error) => {
                ui.note(&format!("{} was not measured: {error}", name(*part)));
                failed.push(error);
            }
        }
    }
    Ok((measured, failed))
}

/// What the measurements of a part share.
struct Bench<'a> {
    repo: &'a Repo,
    built: &'a xtask_build::Built,
    /// Where the compiler has left the service's program.
    program: &'a Path,
    runs: u32,
    place: Place,
    made: &'a Made,
    stop: &'a Stop,
    backends: &'a Known<'a>,
    ui: &'a Ui,
    notes: RefCell<Vec<String>>,
    skipped: RefCell<Vec<String>>,
}

impl Bench<'_> {
    /// Says something that is to be known of the figures.
    fn note(&self, what: String) {
        self.ui.note(&what);
        self.notes.borrow_mut().push(what);
    }

    /// Says what is not measured, because something is missing.
    fn skip(&self, what: &str, why: &str) {
        let skipped = format!("{what} ({why})");
        self.ui.note(&format!("skipped: {skipped}"));
        self.skipped.borrow_mut().push(skipped);
    }

    fn measured(self, part: Part, occasion: &Occasion, load: Load, figures: Vec<Figure>) -> Measured {
        Measured {
            name: name(part),
            notes: self.notes.into_inner(),
            skipped: self.skipped.into_inner(),
            occasion: occasion.clone(),
            load,
            figures,
        }
    }
}

/// The milliseconds that something takes.
async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<f64> {
    let start = Instant::now();
    work.await?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// IDs are seconds: a second release in one second would wait, and that is not what is measured.
async fn next_second() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    tokio::time::sleep(Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanos()))).await;
}

fn name(part: Part) -> String {
    part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn occasion(repo: &Repo, runs: u32) -> Result<Occasion> {
    let git = |args: &[&str]| {
        let said = Git::at(repo.root()).line(args);
        said.map_err(|failure| failure.doing("asking git what is measured"))
    };
    let args = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    Ok(Occasion {
        command: format!("cargo xtask {args}"),
        date: Utc::now().date_naive(),
        commit: git(&["rev-parse", "HEAD"])?,
        uncommitted: !git(&["status", "--porcelain"])?.is_empty(),
        runs,
        machine: Machine::of_this(),
    })
}

fn save(repo: &Repo, record: &Record, ui: &Ui) -> Result<()> {
    let order: Vec<String> = Part::value_variants().iter().copied().map(name).collect();
    let order: Vec<&str> = order.iter().map(String::as_str).collect();
    let record = Record::read(repo)?.with(record.parts.clone(), &order);
    ui.note(&format!("written: {}", documents::save(repo, &record)?.join(", ")));
    Ok(())
}

/// All that went wrong as one error.
fn together(mut errors: Vec<Error>) -> Option<Error> {
    let first = errors.pop()?;
    if errors.is_empty() {
        return Some(first);
    }
    errors.push(first);
    let next = errors.iter().find_map(|error| error.next.clone());
    let why = errors.iter().map(|Error { doing, why, .. }| format!("{doing}: {}", why.join("; "))).collect();
    let mut all = Error::failed("measuring", "");
    all.why = why;
    all.next = next;
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_failed_are_told_together() {
        let error = |name: &str| Error::failed(format!("running {name}"), "it is broken");
        assert!(together(Vec::new()).is_none());
        assert_eq!(together(vec![error("a")]).unwrap().to_string(), "running a: it is broken");
        let two = together(vec![error("a"), error("b").next("mend it")]).unwrap().to_string();
        assert_eq!(
            two,
            "measuring: 2 problems\n  - running a: it is broken\n  - running b: it is broken\n  next: mend it"
        );
    }
}
