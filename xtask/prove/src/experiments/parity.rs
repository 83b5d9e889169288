//! X: deploys have the same variables and the same kinds of services; a commit arrives soon.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use xtask_contract::{Deploy, EnvName, Ledger, Result, SealedSecrets};

use super::codebase::git;
use crate::{notes::Notes, picture::Picture, stage::Stage};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (repo, own) = (stage.repo, stage.env);
    let others: Vec<EnvName> = repo.deploys().into_iter().filter(|name| name != own).collect();
    let ours = Deploy::read(repo, own)?;
    let names = variables(stage, own, &ours)?;
    let mut rows = vec![row(stage, own, &ours, &names)?];
    let required: BTreeSet<&str> = stage
        .service
        .variables
        .iter()
        .filter(|variable| variable.required)
        .map(|variable| variable.name.as_str())
        .collect();
    for other in &others {
        let theirs = Deploy::read(repo, other)?;
        if Ledger::of(repo, other).ids()?.is_empty() {
            notes.not_shown(format!("{other} has no release yet: its file may not be filled in."));
            continue;
        }
        let other_names = variables(stage, other, &theirs)?;
        rows.push(row(stage, other, &theirs, &other_names)?);
        let lacks = |names: &BTreeSet<String>| {
            required.iter().filter(|name| !names.contains(**name)).copied().collect::<Vec<_>>().join(", ")
        };
        let missing = lacks(&other_names);
        notes.check(
            missing.is_empty(),
            format!("{other} sets each variable that the service cannot do without, as {own} does."),
            (
                "missing_variable",
                format!("{other} does not set {missing}, without which the service does not start."),
            ),
        );
        let same = ours.services.postgres.is_some() == theirs.services.postgres.is_some();
        notes.check(
            same,
            format!("{other} has the same kind of backing services."),
            ("other_service", format!("{other} and {own} have different kinds of backing services.")),
        );
    }
    if others.is_empty() {
        notes.not_shown("The project has no other deploy to compare with.");
    }
    let head = ["deploy", "variables", "database", "newest release", "its image"];
    notes.picture(Picture::table("The deploys", &head, rows));
    arrives(stage, notes)?;
    notes.command(format!("cargo xtask releases diff --env {own}"));
    Ok(())
}

fn variables(stage: &Stage<'_>, env: &EnvName, deploy: &Deploy) -> Result<BTreeSet<String>> {
    let sealed = SealedSecrets::read(stage.repo, env)?;
    let sealed = sealed.iter().flat_map(|all| all.values.keys());
    // What the deploy's own services need is made with its first release.
    let made = deploy.services.own_postgres().map(|postgres| &postgres.variable);
    Ok(deploy.config.keys().chain(sealed).chain(made).cloned().collect())
}

fn row(stage: &Stage<'_>, env: &EnvName, deploy: &Deploy, names: &BTreeSet<String>) -> Result<Vec<String>> {
    let ledger = Ledger::of(stage.repo, env);
    let newest = ledger.ids()?.last().copied();
    let image =
        newest.and_then(|id| ledger.load(id).ok()).map(|verified| verified.release.image.digest.short());
    let database = match &deploy.services.postgres {
        None => "none",
        Some(postgres) if postgres.attached => "attached PostgreSQL",
        Some(_) => "PostgreSQL of its own",
    };
    Ok(vec![
        env.to_string(),
        names.len().to_string(),
        database.to_owned(),
        newest.map_or_else(|| "none yet".to_owned(), |id| id.to_string()),
        image.unwrap_or_default(),
    ])
}

/// How long it took from the commit to the image, and from that to here.
fn arrives(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (known, committed) = git(stage, &["show", "--no-patch", "--format=%cI", &stage.record.revision])?;
    let committed = committed.parse::<DateTime<Utc>>().ok().filter(|_| known);
    let Some(committed) = committed else {
        notes.not_shown("When the commit was made is not known here.");
        return Ok(());
    };
    let built = stage.record.built_at - committed;
    let later = match (built.num_days(), built.num_hours(), built.num_minutes()) {
        (0, 0, minutes) => format!("{minutes} minutes"),
        (0, hours, _) => format!("{hours} hours"),
        (days, ..) => format!("{days} days"),
    };
    notes.saw(format!(
        "The commit of the image was made at {}, and the image {later} later.",
        committed.format("%Y-%m-%d %H:%M")
    ));
    Ok(())
}
