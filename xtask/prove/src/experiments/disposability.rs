//! IX: a process starts in a moment, finishes what it has begun when it is told to stop, and may die at any time.

use std::time::Duration;

use rustix::process::Signal;
use xtask_contract::Result;

use super::{READY, alone, can_be_alone, environment, no_example, usual};
use crate::{
    http,
    notes::Notes,
    picture::Picture,
    stage::Stage,
    traffic::{Traffic, Use},
};

/// How often it is started.
const STARTS: usize = 20;
/// How long it may take to stop; the default grace period of Kubernetes.
const GRACE: Duration = Duration::from_secs(30);
/// A start that takes longer is not one of a moment.
const SLOW: f64 = 5000.0;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if !can_be_alone(stage, notes) {
        return Ok(());
    }
    starts(stage, notes)?;
    is_told_to_stop(stage, notes)?;
    is_killed(stage, notes)
}

fn starts(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (kind, environment) = (stage.web()?, environment(stage)?);
    let mut values = Vec::new();
    for _ in 0..STARTS {
        let mut process = stage.root.start(kind, &environment)?;
        values.push(process.ready(stage.readiness(), READY)?.as_secs_f64() * 1e3);
        stage.wait(Duration::ZERO)?;
    }
    values.sort_by(f64::total_cmp);
    let (median, most) = (values[STARTS / 2], values[STARTS - 1]);
    notes.check(
        most < SLOW,
        format!("Of {STARTS} starts, half were ready within {median:.0} ms, and all within {most:.0} ms."),
        ("slow_start", format!("A start took {most:.0} ms.")),
    );
    notes.picture(Picture::Histogram { title: "From exec to ready, in ms".to_owned(), values });
    Ok(())
}

/// By SIGTERM, under load.
fn is_told_to_stop(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let process = alone(stage)?;
    let traffic = Traffic::start(process.address(), &usual(stage), 4, Duration::from_millis(2));
    stage.wait(Duration::from_secs(1))?;
    let at = traffic.now();
    process.signal(Signal::TERM);
    let ended = process.ends(GRACE)?;
    let seen = traffic.stop();
    // A client that connects after the process has ended is refused: that is no lost request.
    let lost = seen.failures_but(|sample| sample.lost.as_deref().is_some_and(|why| why.contains("refused")));
    match &ended {
        Some((took, status, _)) => notes.check(
            status.success() && lost.is_empty(),
            format!(
                "Told to stop under load, it ended after {} ms with exit code 0; none of {} requests was lost.",
                took.as_millis(),
                seen.samples.len()
            ),
            (
                "lost_at_stop",
                format!("Told to stop, it ended with {status}; requests were lost: {}", lost.join("; ")),
            ),
        ),
        None => notes.broken("does_not_stop", format!("Told to stop, it went on for {} s.", GRACE.as_secs())),
    }
    let missing = seen.missing(stage.address());
    if stage.service.example.is_some() {
        notes.check(
            missing.is_empty(),
            format!(
                "Each of {} acknowledged writes is there, read through another process.",
                seen.written.len()
            ),
            ("lost_writes", format!("{} acknowledged writes are gone.", missing.len())),
        );
    }
    notes.picture(Picture::requests(
        "Requests while it is told to stop",
        &seen,
        vec![(at, "SIGTERM".to_owned())],
    ));
    Ok(())
}

/// By SIGKILL, under load.
fn is_killed(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let Some(example) = &stage.service.example else {
        notes.not_shown(no_example(stage));
        return Ok(());
    };
    let (mut written, mut missing) = (0, 0);
    for _ in 0..5 {
        let process = alone(stage)?;
        let traffic = Traffic::start(process.address(), &Use::Write(example.clone()), 4, Duration::ZERO);
        stage.wait(Duration::from_millis(300))?;
        process.signal(Signal::KILL);
        let _ = process.ends(GRACE)?;
        let seen = traffic.stop();
        written += seen.written.len();
        missing += seen.missing(stage.address()).len();
    }
    notes.check(
        missing == 0 && written > 0,
        format!("Killed 5 times in the midst of writing: each of {written} acknowledged writes is there."),
        ("lost_writes", format!("Killed 5 times: of {written} acknowledged writes, {missing} are gone.")),
    );
    let ready = http::get(stage.address(), stage.readiness()).is_ok_and(|answer| answer.status == 200);
    notes.check(
        ready,
        "The other processes took no notice.",
        ("others_suffer", "The deploy is not ready after a process beside it was killed."),
    );
    notes.command(format!(
        "cargo xtask test \"service\"   # its own tests of the same, for {}",
        stage.service.service
    ));
    Ok(())
}
