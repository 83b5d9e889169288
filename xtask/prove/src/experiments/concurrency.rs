//! VIII: 1, 3 and 1 processes under load; each is its supervisor's child, and replaced when it dies.

use std::time::Duration;

use rustix::process::Signal;
use xtask_contract::Result;

use super::{may_be_disturbed, traffic as clients};
use crate::{
    notes::Notes,
    picture::Picture,
    stage::Stage,
    system::Process,
    traffic::{Traffic, Use},
};

/// How long throughput is measured.
const MEASURED: Duration = Duration::from_secs(2);
/// By how many clients, and how long each waits between two requests: all cores taken, more processes would only get in each
/// other's way.
const CLIENTS: usize = 6;
const PAUSE: Duration = Duration::from_millis(2);
/// Machines have other things to do meanwhile: less than this much of what one process did is less.
const TOLERANCE: f64 = 0.7;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if !may_be_disturbed(stage, notes) {
        return Ok(());
    }
    if let Some(why) = stage.is_single()? {
        notes.not_shown(why);
        return who_manages(stage, notes);
    }
    let kind = stage.web()?.name.clone();
    let measured = || -> Result<f64> {
        let reads = Use::Read(stage.readiness().to_owned());
        let traffic = Traffic::start(stage.address(), &reads, CLIENTS, PAUSE);
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
    let answered = format!(
        "Asked by {CLIENTS} clients, three processes answered {three:.0} requests a second, one {one:.0}."
    );
    notes.check(three >= one * TOLERANCE, answered.clone(), ("slower_together", answered));
    who_manages(stage, notes)?;
    stage.scale(&kind, 1)?;
    notes.command(format!("cargo xtask scale {kind}=3 --env {}", stage.env));
    Ok(())
}

fn who_manages(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (serving, supervisor) = (stage.serving()?, stage.supervisor());
    let is_managed = |process: &Process| stage.ground.manages(process, supervisor.as_ref());
    let strangers: Vec<String> =
        serving.iter().filter(|one| !is_managed(&one.process)).map(|one| one.name.clone()).collect();
    notes.check(
        strangers.is_empty() && !serving.is_empty(),
        "Each process is the one that its supervisor has started: none has gone into the background.",
        ("daemon", format!("These were not started by their supervisor: {}", strangers.join(", "))),
    );
    let Some(victim) = serving.first() else { return Ok(()) };
    victim.process.signal(Signal::KILL);
    let replaced = stage.wait_until(stage.ground.patience(), || {
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
