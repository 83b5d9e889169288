//! VIII: 1, 3 and 1 processes under load; each is its supervisor's child, and replaced when it dies.

use std::time::Duration;

use rustix::process::Signal;
use xtask_contract::Result;

use super::{ALONE, traffic as clients};
use crate::{
    notes::Notes,
    picture::Picture,
    stage::Stage,
    traffic::{Traffic, Use},
};

/// How long throughput is measured.
const MEASURED: Duration = Duration::from_secs(2);
/// Machines have other things to do meanwhile: less than this much of what one process did is less.
const TOLERANCE: f64 = 0.7;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if !stage.can_scale()? {
        notes.not_shown(ALONE);
        return who_manages(stage, notes);
    }
    let kind = stage.web()?.name.clone();
    let measured = || -> Result<f64> {
        let reads = Use::Read(stage.readiness().to_owned());
        let traffic = Traffic::start(stage.port, &reads, 4, Duration::ZERO);
        stage.wait(MEASURED)?;
        let seen = traffic.stop();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
        Ok(seen.samples.iter().filter(|sample| sample.status == Some(200)).count() as f64
            / MEASURED.as_secs_f64())
    };
    let one = measured()?;
    let traffic = clients(stage);
    let mut marks = Vec::new();
    let mut counts = Vec::new();
    for count in [3, 1] {
        if let Err(error) = stage.scale(&kind, count) {
            drop(traffic);
            notes.broken("does_not_scale", format!("It does not come to {count} processes: {error}"));
            return Ok(());
        }
        marks.push((traffic.now(), format!("{count} processes")));
        counts.push(stage.serving()?.len());
        stage.wait(Duration::from_secs(1))?;
    }
    let seen = traffic.stop();
    let failures = seen.failures();
    notes.check(
        counts == [3, 1] && failures.is_empty(),
        format!(
            "It went from 1 to 3 processes and back under load: {} requests, none lost.",
            seen.samples.len()
        ),
        (
            "lost_requests",
            format!("Scaled to 3 and to 1, there were {counts:?} processes; {}", failures.join("; ")),
        ),
    );
    notes.picture(Picture::requests("Requests while it is scaled", &seen, marks));
    stage.scale(&kind, 3)?;
    let three = measured()?;
    notes.check(
        three >= one * TOLERANCE,
        format!("Three processes answered {three:.0} requests a second, one {one:.0}."),
        ("slower_together", format!("Three processes answered {three:.0} requests a second, one {one:.0}.")),
    );
    who_manages(stage, notes)?;
    stage.scale(&kind, 1)?;
    notes.command(format!("cargo xtask scale {kind}=3 --env {}", stage.env));
    Ok(())
}

fn who_manages(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (serving, supervisor) = (stage.serving()?, stage.supervisor());
    let strangers: Vec<String> =
        serving.iter().filter(|one| one.process.parent() != supervisor).map(|one| one.name.clone()).collect();
    notes.check(
        strangers.is_empty() && !serving.is_empty(),
        "Each process is a child of its supervisor: none has gone into the background.",
        ("daemon", format!("These are no children of their supervisor: {}", strangers.join(", "))),
    );
    let Some(victim) = serving.first() else { return Ok(()) };
    victim.process.signal(Signal::KILL);
    let replaced = stage.wait_until(Duration::from_secs(10), || {
        let now = stage.serving()?;
        Ok(now.len() == serving.len() && !now.contains(victim))
    })?;
    notes.check(
        replaced,
        format!("{} was killed, and replaced by another process.", victim.name),
        ("not_replaced", format!("{} was killed, and not replaced.", victim.name)),
    );
    Ok(())
}
