//! `cargo xtask releases`.

use serde::Serialize;
use xtask_contract::{Deploy, Digest, Ledger, ReleaseId, Repo, Result, ledger::Verified};

use crate::{cli, ui::Ui};

#[derive(Serialize)]
struct Row {
    id: ReleaseId,
    sequence: u64,
    digest: Digest,
    image: Digest,
    revision: String,
    by: String,
    changes: Vec<String>,
}

pub(crate) fn releases(repo: &Repo, args: &cli::Releases, ui: &Ui) -> Result<()> {
    let ledger = Ledger::of(repo, &args.env);
    let chain = ledger.verify()?;
    if chain.is_empty() {
        // A deploy without releases may be one that does not exist at all.
        Deploy::read(repo, &args.env)?;
    }
    let mut rows = Vec::new();
    let mut newer: Option<Verified> = None;
    // One more than is shown: what changed is told by the release before.
    for link in chain.iter().rev().take(args.number.saturating_add(1)) {
        let older = ledger.load(link.id)?;
        rows.extend(newer.map(|newer| row(&newer, Some(&older))));
        newer = Some(older);
    }
    if rows.len() < args.number {
        rows.extend(newer.map(|first| row(&first, None)));
    }
    let words: Vec<String> = rows.iter().map(words).collect();
    let text = if words.is_empty() { format!("{} has no releases yet", args.env) } else { words.join("\n") };
    ui.result(&text, &rows);
    Ok(())
}

fn row(verified: &Verified, before: Option<&Verified>) -> Row {
    let release = &verified.release;
    Row {
        id: release.id,
        sequence: release.sequence,
        digest: verified.digest,
        image: release.image.digest,
        revision: release.image.revision.clone(),
        by: release.by.clone(),
        changes: match before {
            Some(before) => release.changes_since(&before.release),
            None => vec!["first release".to_owned()],
        },
    }
}

fn words(row: &Row) -> String {
    let changes = if row.changes.is_empty() { "nothing new".to_owned() } else { row.changes.join("; ") };
    let revision = row.revision.get(..10).unwrap_or(&row.revision);
    format!("{}  {revision}  {}  {changes}", row.id, row.by)
}
