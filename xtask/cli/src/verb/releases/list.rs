//! `cargo xtask releases`: the list, newest first.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use indicatif::HumanDuration;
use serde::Serialize;
use xtask_contract::{
    Changes, Deploy, Digest, EnvName, Ledger, Progress, ReleaseId, Repo, Result, brief, ledger::Found,
};

use xtask_run::Fate;

use crate::backends::Known;
use crate::{
    ui::{Text, Ui},
    verb::runtime,
};

#[derive(Serialize)]
struct Row {
    id: ReleaseId,
    sequence: u64,
    digest: Digest,
    image: Digest,
    revision: String,
    by: String,
    changes: Vec<String>,
    /// Whether this is what the deploy runs now; null if that could not be found out.
    running: Option<bool>,
    /// What became of it so far; null if that could not be found out.
    fate: Option<Fate>,
}

pub(super) fn list(repo: &Repo, env: &EnvName, number: usize, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let ledger = Ledger::of(repo, env);
    // One more than is shown: what changed is told by the release before.
    let shown: Vec<ReleaseId> = ledger.newest_first()?.take(number.saturating_add(1)).collect();
    if shown.is_empty() {
        // A deploy without releases may be one that does not exist at all.
        Deploy::read(repo, env)?;
    }
    // First, because a program that cannot ask begins anew as one that can.
    let deploy_state =
        (!shown.is_empty()).then(|| runtime()?.block_on(xtask_run::deploy_state(repo, env, backends)));
    let mut rows = Vec::new();
    let mut newer: Option<Found> = None;
    let mut doubts = BTreeSet::new();
    for older in ledger.look_at(&shown) {
        if let Some(doubt) = older.as_ref().map_or_else(Some, |found| found.doubt.as_ref()) {
            doubts.insert(doubt.to_string());
        }
        let Ok(older) = older else { continue };
        rows.extend(newer.map(|newer| row(&newer, Some(&older))));
        newer = Some(older);
    }
    if rows.len() < number {
        rows.extend(newer.map(|first| row(&first, None)));
    }
    for doubt in doubts {
        ui.note(&format!("warning: {doubt}"));
    }
    match deploy_state {
        Some(Ok(deploy_state)) => {
            for row in &mut rows {
                row.running = Some(deploy_state.running == Some(row.id));
                row.fate = Some(deploy_state.history.fate(row.id));
            }
        }
        Some(Err(error)) if !rows.is_empty() => {
            ui.note(&format!("which of these runs is not known: {error}"));
        }
        Some(Err(_)) | None => {}
    }
    let text = match rows.as_slice() {
        [] if shown.is_empty() => format!("{env} has no releases yet").into(),
        [] => format!("none of the newest releases of {env} can be read").into(),
        rows => Text::lines(rows.iter().map(words)),
    };
    ui.result(text, &rows);
    Ok(())
}

/// A release to be shown. If it is not as it was made, that is told.
pub(super) fn look(ledger: &Ledger, id: ReleaseId, ui: &Ui) -> Result<Found> {
    let found = ledger.look(id)?;
    if let Some(doubt) = &found.doubt {
        ui.note(&format!("warning: {doubt}"));
    }
    Ok(found)
}

fn row(found: &Found, before: Option<&Found>) -> Row {
    let release = &found.release;
    Row {
        id: release.id,
        sequence: release.sequence,
        digest: found.digest,
        image: release.image.digest,
        revision: brief(&release.image.revision),
        by: brief(&release.by),
        changes: match before {
            Some(before) => {
                let changes = Changes::between(&before.release, release).words();
                changes.iter().map(|change| brief(change)).collect()
            }
            None => vec!["first release".to_owned()],
        },
        running: None,
        fate: None,
    }
}

/// `* ID  age  revision  who  what became of it  changes`; the star marks what runs.
fn words(row: &Row) -> String {
    let mark = if row.running == Some(true) { '*' } else { ' ' };
    let changes = if row.changes.is_empty() { "nothing new".to_owned() } else { row.changes.join("; ") };
    let revision = row.revision.get(..10).unwrap_or(&row.revision);
    let fate = fate(row);
    format!("{mark} {}  {:>10}  {revision}  {}  {fate:<9}  {changes}", row.id, age(row.id), row.by)
}

fn fate(row: &Row) -> &'static str {
    match row.fate {
        _ if row.running == Some(true) => "runs",
        Some(Fate::Ran) => "ran",
        Some(Fate::Failed) => "failed",
        Some(Fate::Never) => "never ran",
        Some(Fate::Unknown) | None => "",
    }
}

/// How long ago that was, roughly: `3 minutes`.
pub(in crate::verb) fn ago(time: DateTime<Utc>) -> String {
    HumanDuration((Utc::now() - time).to_std().unwrap_or_default()).to_string()
}

/// How long ago a release was made, roughly: `3 minutes`.
pub(super) fn age(id: ReleaseId) -> String {
    ago(id.time())
}
