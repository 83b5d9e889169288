//! VI: what one process was told, all know; and all may die at once.

use std::{collections::BTreeSet, time::Duration};

use rustix::process::Signal;
use serde_json::Value;
use xtask_contract::{Context, Result};

use super::{alone, can_be_alone, no_example, traffic as clients};
use crate::{http::Connection, notes::Notes, stage::Stage, system, traffic::write};

/// How many processes there are.
const PROCESSES: u32 = 3;
/// How often something is read: enough for each process to be asked.
const READS: usize = 60;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let Some(example) = &stage.service.example else {
        notes.not_shown(no_example(stage));
        return nothing_is_kept(stage, notes);
    };
    let kind = stage.web()?.name.clone();
    let single = stage.is_single()?;
    if single.is_none() {
        stage.scale(&kind, PROCESSES)?;
    }
    let (mut told, mut asked, mut unknown) = (0, BTreeSet::new(), Vec::new());
    let marker = format!("proof-{}", std::process::id());
    if let Ok((_, Some(written))) = write(stage.address(), example, &stage.text(), &[]) {
        told += 1;
        for number in 0..READS {
            let id = format!("{marker}-{number}");
            let fields = [("connection", "close"), ("x-request-id", id.as_str())];
            let answer = Connection::open(stage.address())
                .and_then(|mut to| to.request(&format!("GET {}", written.path), &fields, None));
            if !answer.as_ref().is_ok_and(|it| it.status == 200 && it.body.contains(&written.text)) {
                unknown.push(format!("{answer:?}"));
            }
        }
    }
    let lines = stage.logs()?;
    let lines: Vec<_> = lines.iter().filter(|line| is_about(line, &marker)).collect();
    let serving = stage.serving()?;
    asked.extend(
        serving.iter().filter(|one| lines.iter().any(|line| one.wrote(line))).map(|one| one.name.clone()),
    );
    notes.check(
        told == 1 && unknown.is_empty(),
        format!("What was written once was read {READS} times, by connections of their own."),
        (
            "not_shared",
            format!(
                "What was written was not read again: {}",
                unknown.first().map_or("it was refused", String::as_str)
            ),
        ),
    );
    if asked.len() >= 2 {
        notes.saw(format!(
            "By the log, {} processes have answered: {}.",
            asked.len(),
            asked.iter().cloned().collect::<Vec<_>>().join(", ")
        ));
    } else {
        let silent = "The log does not say which process answered which request (`x-request-id`).";
        notes.not_shown(single.unwrap_or(silent));
    }
    all_are_killed(stage, notes)?;
    if single.is_none() {
        stage.scale(&kind, 1)?;
    }
    nothing_is_kept(stage, notes)
}

fn is_about(line: &Value, marker: &str) -> bool {
    line["text"].as_str().is_some_and(|text| text.contains(marker))
}

fn all_are_killed(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let traffic = clients(stage);
    stage.wait(Duration::from_millis(1500))?;
    let before = stage.serving()?;
    for one in &before {
        one.process.signal(Signal::KILL);
    }
    let again = stage.wait_until(stage.ground.patience(), || {
        let after = stage.serving()?;
        Ok(after.len() == before.len()
            && after.iter().all(|one| !before.contains(one))
            && crate::http::get(stage.address(), stage.readiness()).is_ok_and(|answer| answer.status == 200))
    })?;
    let seen = traffic.stop();
    let missing = seen.missing(stage.address());
    notes.check(
        again && missing.is_empty() && !seen.written.is_empty(),
        format!(
            "All {} processes were killed at once under load. They were there again, and each of {} acknowledged writes is \
             there.",
            before.len(),
            seen.written.len()
        ),
        (
            "lost_writes",
            format!(
                "All processes were killed at once: there again {again}; of {} acknowledged writes, {} are gone.",
                seen.written.len(),
                missing.len()
            ),
        ),
    );
    notes.command(format!("cargo xtask scale {}=3 --env {}", stage.web()?.name, stage.env));
    Ok(())
}

/// A process by itself, under load, leaves its root folder as it was.
fn nothing_is_kept(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if !can_be_alone(stage, notes) {
        return Ok(());
    }
    let doing = || "looking at the root folder";
    let before = system::listing(stage.root.folder()).doing(doing)?;
    let process = alone(stage)?;
    let traffic =
        crate::traffic::Traffic::start(process.address(), &super::usual(stage), 2, Duration::from_millis(5));
    stage.wait(Duration::from_secs(1))?;
    let requests = traffic.stop().samples.len();
    let after = system::listing(stage.root.folder()).doing(doing)?;
    let changed: Vec<String> = after
        .iter()
        .filter(|(path, state)| before.get(*path) != Some(state) && !path.ends_with("dev/null"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    notes.check(
        changed.is_empty() && before.len() == after.len(),
        format!("After {requests} requests nothing has changed in the root folder of a process."),
        ("file_kept", format!("A process has changed files: {}", changed.join(", "))),
    );
    Ok(())
}
