//! X: deploys have the same variables and the same kinds of services; a commit arrives soon.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use xtask_contract::{Deploy, EnvName, Ledger, Result, SealedSecrets};

use super::codebase::git;
use crate::{notes::Notes, picture::Picture, stage::Stage};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let (repo, own) = (stage.repo, stage.env);
    let others: Vec<EnvName> = repo.deploys().into_iter().filter(|name| name != own).collect();
    let ours = Deploy::read(repo, own)?;
    let names = variables(stage, own, &ours)?;
    let servers = servers(stage, own, notes)?;
    let mut rows = vec![row(stage, own, &names, servers.as_ref())?];
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
        let other_servers = match &servers {
            Some(_) => self::servers(stage, other, notes)?,
            None => None,
        };
        rows.push(row(stage, other, &other_names, other_servers.as_ref())?);
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
        if let (Some(servers), Some(other_servers)) = (&servers, &other_servers) {
            compare((own, servers), (other, other_servers), notes);
        }
    }
    if others.is_empty() {
        notes.not_shown("The project has no other deploy to compare with.");
    }
    let head = ["deploy", "variables", "its servers say", "newest release", "its image"];
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

/// The kind and the version of each backing service that answers a deploy's own processes, by the name under which it is
/// looked at; none, if that cannot be seen, which is noted.
fn servers(stage: &Stage<'_>, env: &EnvName, notes: &mut Notes) -> Result<Option<Servers>> {
    let Some(check) = &stage.service.check else {
        notes.not_shown("The service does not say which versions its backing services have (`check` in what it describes).");
        return Ok(None);
    };
    let check: Vec<&str> = check.iter().map(String::as_str).collect();
    let asked = |release: &[&str]| {
        let args = [&["admin", "--env", env.as_str()], release, &["--"], &check[..]].concat();
        if env == stage.env { stage.toolchain.call(&args, "") } else { stage.of_the_project(&args) }
    };
    let mut called = asked(&[])?;
    if said(&called.stdout).is_empty()
        && let Some(newest) = Ledger::of(stage.repo, env).ids()?.last().filter(|_| env != stage.env)
    {
        // It has not run here yet.
        called = asked(&["--release", &newest.to_string()])?;
    }
    let servers = said(&called.stdout);
    if servers.is_empty() {
        let why = called.stderr.lines().find_map(|line| line.strip_prefix("error: "));
        notes.not_shown(format!(
            "Which servers answer {env} is not known: {}.",
            why.unwrap_or("its `check` names none")
        ));
    }
    Ok((!servers.is_empty()).then_some(servers))
}

type Servers = BTreeMap<String, String>;

/// Of the lines that name a server which has answered: what was looked at, and which one it is.
fn said(lines: &str) -> Servers {
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let named = |line: Value| Some((line["check"].as_str()?.to_owned(), line["server"].as_str()?.to_owned()));
    lines.filter_map(named).collect()
}

/// Servers are alike if they are of one kind and of the same major version: `PostgreSQL 17.2` and `PostgreSQL 17.5` are.
fn are_alike(one: &str, other: &str) -> bool {
    let major = |server: &str| server.split('.').next().map(str::to_owned);
    major(one) == major(other)
}

fn compare((own, ours): (&EnvName, &Servers), (other, theirs): (&EnvName, &Servers), notes: &mut Notes) {
    for (check, server) in ours {
        let their = theirs.get(check).map_or("nothing", String::as_str);
        notes.check(
            are_alike(server, their),
            format!("Asked for its {check}, {own} was answered by {server}, and {other} by {their}."),
            (
                "other_version",
                format!("Asked for its {check}, {own} was answered by {server}, but {other} by {their}."),
            ),
        );
    }
}

fn row(
    stage: &Stage<'_>,
    env: &EnvName,
    names: &BTreeSet<String>,
    servers: Option<&Servers>,
) -> Result<Vec<String>> {
    let ledger = Ledger::of(stage.repo, env);
    let newest = ledger.ids()?.last().copied();
    let image =
        newest.and_then(|id| ledger.load(id).ok()).map(|verified| verified.release.image.digest.short());
    let servers = servers.map(|servers| servers.values().cloned().collect::<Vec<_>>().join(", "));
    Ok(vec![
        env.to_string(),
        names.len().to_string(),
        servers.unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_the_lines_that_name_one() {
        let lines = "{\"check\":\"config\",\"message\":\"well\"}\nno document\n\
                     {\"check\":\"database\",\"server\":\"PostgreSQL 17.2\"}\n";
        let servers = said(lines);
        assert_eq!(servers, Servers::from([("database".to_owned(), "PostgreSQL 17.2".to_owned())]));
    }

    #[test]
    fn a_minor_version_makes_no_other_server() {
        assert!(are_alike("PostgreSQL 17.2", "PostgreSQL 17.5 (Debian 17.5-1)"));
        assert!(are_alike("Store 1", "Store 1"));
        assert!(!are_alike("PostgreSQL 17.2", "PostgreSQL 16.9"));
        assert!(!are_alike("PostgreSQL 17.2", "MariaDB 17.2"));
        assert!(!are_alike("PostgreSQL 17.2", "nothing"));
    }
}
