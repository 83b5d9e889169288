//! An experiment for each factor.

mod admin;
mod backing_services;
mod codebase;
mod concurrency;
mod config;
mod dependencies;
mod disposability;
mod logs;
mod parity;
mod port_binding;
mod processes;
mod stages;
mod telemetry;

use std::{collections::BTreeMap, time::Duration};

use xtask_contract::{Context, Error, Result};

use crate::{
    Factor,
    empty_root::Alone,
    notes::Notes,
    observed::{Observed, Observer},
    stage::Stage,
    traffic::{Traffic, Use, write},
};

/// How long a process may take to be ready.
const READY: Duration = Duration::from_secs(20);
/// What keeps an experiment from being made that writes something.
const NO_EXAMPLE: &str =
    "the service does not say how something is written and read (`example` in what it describes)";

/// What keeps an experiment from being made on a deploy in use.
const IN_USE: &str =
    "The deploy is in use, and this would disturb it: without `--live` it is shown on another one.";

/// What keeps an experiment from being made here that writes something.
fn no_example(stage: &Stage<'_>) -> &'static str {
    if stage.is_in_use() { IN_USE } else { NO_EXAMPLE }
}

/// Makes the experiment of a factor.
pub(crate) fn of(factor: Factor, stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    match factor {
        Factor::Codebase => codebase::show(stage, notes),
        Factor::Dependencies => dependencies::show(stage, notes),
        Factor::Config => config::show(stage, notes),
        Factor::BackingServices => backing_services::show(stage, notes),
        Factor::Stages => stages::show(stage, notes),
        Factor::Processes => processes::show(stage, notes),
        Factor::PortBinding => port_binding::show(stage, notes),
        Factor::Concurrency => concurrency::show(stage, notes),
        Factor::Disposability => disposability::show(stage, notes),
        Factor::Parity => parity::show(stage, notes),
        Factor::Logs => logs::show(stage, notes),
        Factor::Admin => admin::show(stage, notes),
        Factor::Telemetry => telemetry::show(stage, notes),
    }
}

/// What clients do: they write, where the service says how, and else ask whether it is alive: that it is not ready is the
/// right answer of one that stops.
fn usual(stage: &Stage<'_>) -> Use {
    match &stage.service.example {
        Some(example) => Use::Write(example.clone()),
        None => Use::Read(stage.liveness().to_owned()),
    }
}

/// Clients of the deploy that are not in a hurry.
fn traffic(stage: &Stage<'_>) -> Traffic {
    Traffic::start(stage.address(), &usual(stage), 4, Duration::from_millis(10))
}

/// The environment of the deploy's processes, as the first one that serves has it, for one beside them on this machine.
fn environment(stage: &Stage<'_>) -> Result<BTreeMap<String, String>> {
    let serving = stage.serving()?;
    let first =
        serving.first().ok_or_else(|| Error::failed("looking at a process that serves", "none is seen"))?;
    let environment = first.process.environment().doing(|| format!("looking at {}", first.name))?;
    Ok(stage.ground.here(environment))
}

/// Whether a process of the image can be started beside the deploy on this machine; noted, if not.
fn can_be_alone(stage: &Stage<'_>, notes: &mut Notes) -> bool {
    let apart = stage.ground.is_apart();
    if let Some(why) = apart {
        notes.not_shown(why);
    }
    apart.is_none()
}

/// Whether the deploy may be disturbed; noted, if not.
fn may_be_disturbed(stage: &Stage<'_>, notes: &mut Notes) -> bool {
    if stage.is_in_use() {
        notes.not_shown(IN_USE);
    }
    !stage.is_in_use()
}

/// What a process by itself asks the system for, from its start until it has done what it is for; none, if that cannot be
/// seen here, which is noted.
fn observed(stage: &Stage<'_>, notes: &mut Notes) -> Result<Option<Observed>> {
    if !can_be_alone(stage, notes) {
        return Ok(None);
    }
    let observer = match Observer::here() {
        Ok(observer) => observer,
        Err(why) => {
            notes.not_shown(why);
            return Ok(None);
        }
    };
    let trace = stage.scratch().join("trace");
    let kind = stage.web()?;
    let mut process = stage.root.start_observed(&observer, &trace, kind, &environment(stage)?)?;
    process.ready(stage.readiness(), READY)?;
    if let Some(example) = &stage.service.example {
        // Whether it is stored is another experiment's.
        let _ = write(process.address(), example, &stage.text(), &[]);
    }
    drop(process);
    let seen = stage.root.observed(&trace)?;
    if seen.is_none() {
        notes.not_shown("What it asks the system for is not seen: `strace` has not heard of its start.");
    }
    Ok(seen)
}

/// One process by itself, ready.
fn alone(stage: &Stage<'_>) -> Result<Alone> {
    let mut alone = stage.root.start(stage.web()?, &environment(stage)?)?;
    alone.ready(stage.readiness(), READY)?;
    Ok(alone)
}
