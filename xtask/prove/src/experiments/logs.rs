//! XI: lines come to standard output at once, in order, and go nowhere else.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use xtask_contract::{Context, Deploy, Result};

use super::{alone, can_be_alone, traffic as clients};
use crate::{http::Connection, notes::Notes, stage::Stage};

/// How often a process is killed right after an answer.
const KILLS: usize = 10;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if can_be_alone(stage, notes) {
        nothing_is_held_back(stage, notes)?;
    }
    no_file_is_written(stage, notes)?;
    if Deploy::read(stage.repo, stage.env)?.logging.is_some() {
        notes
            .not_shown("Whether lines arrive where the deploy's `[logging]` ships them to is not looked at.");
    }
    all_are_collected(stage, notes)
}

fn nothing_is_held_back(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (mut there, mut disorder) = (0, 0);
    for number in 0..KILLS {
        let process = alone(stage)?;
        let id = format!("killed-{}-{number}", std::process::id());
        let fields = [("connection", "close"), ("x-request-id", id.as_str())];
        let answer =
            Connection::open(process.address()).and_then(|mut to| to.request("GET /", &fields, None));
        process.signal(Signal::KILL);
        let lines = process.ends(Duration::from_secs(5))?.map(|(_, _, lines)| lines).unwrap_or_default();
        there += usize::from(answer.is_ok() && lines.iter().any(|line| line.contains(&id)));
        let times: Vec<String> = lines
            .iter()
            .filter_map(|line| {
                serde_json::from_str::<Value>(line).ok()?["timestamp"].as_str().map(str::to_owned)
            })
            .collect();
        disorder += usize::from(!times.is_sorted());
    }
    notes.check(
        there == KILLS,
        format!("{KILLS} times a process was killed right after an answer: the request's line was there each time."),
        ("held_back", format!("Killed right after an answer, {} of {KILLS} lines were missing.", KILLS - there)),
    );
    notes.check(
        disorder == 0,
        "Lines come in the order of their times.",
        ("disorder", format!("{disorder} times lines were not in the order of their times.")),
    );
    Ok(())
}

fn no_file_is_written(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let traffic = clients(stage);
    stage.wait(Duration::from_millis(500))?;
    let mut files = Vec::new();
    for one in stage.processes()? {
        let written = one.process.written_files().doing(|| format!("looking at {}", one.name))?;
        files.extend(written.into_iter().map(|file| format!("{}: {file}", one.name)));
    }
    traffic.stop();
    notes.check(
        files.is_empty(),
        "No process has a file open that it could write to.",
        ("log_file", format!("Processes have files open for writing: {}", files.join(", "))),
    );
    Ok(())
}

fn all_are_collected(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let processes = stage.processes()?;
    let lines = stage.logs()?;
    let silent: Vec<&str> = processes
        .iter()
        .filter(|one| !lines.iter().any(|line| one.wrote(line)))
        .map(|one| one.name.as_str())
        .collect();
    let times: Vec<&str> = lines.iter().filter_map(|line| line["time"].as_str()).collect();
    notes.check(
        silent.is_empty() && times.is_sorted() && !lines.is_empty(),
        format!("`cargo xtask logs` has {} lines of all processes, in order of time.", lines.len()),
        ("not_collected", format!("Of these processes no line was collected: {}", silent.join(", "))),
    );
    notes.command(format!("cargo xtask logs --env {}", stage.env));
    Ok(())
}
