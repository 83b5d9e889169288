//! `cargo xtask releases diff`: what is different in a release from another one, of the same deploy or not.

use std::fmt::Display;

use serde::Serialize;
use xtask_contract::{
    Changes, EnvName, Error, Git, Ledger, Release, Repo, Result,
    changes::{Change, SecretChange},
    deploy::Services,
    ledger::Found,
    release::{Image, Process},
    settings::{Amounts, Autoscale, Disruption, Egress, Ingress, Network, Settings},
};

use super::list::look;
use crate::{
    cli::releases::{Diff, Reference},
    ui::{Text, Ui, unified},
};

#[derive(Serialize)]
struct Document<'a> {
    before: Side<'a>,
    after: Side<'a>,
    #[serde(flatten)]
    changes: Changes,
    /// The commits from the one image's to the other's, newest first; null if they are not known here.
    commits: Option<Vec<String>>,
    /// The unified diff of the rendered objects, in which both releases' IDs stand as `ID`.
    objects: String,
}

#[derive(Serialize)]
struct Side<'a> {
    env: &'a EnvName,
    id: String,
}

pub(super) fn diff(repo: &Repo, env: &EnvName, args: &Diff, ui: &Ui) -> Result<()> {
    let (before, after) = sides(repo, env, args, ui)?;
    let changes = Changes::between(&before.release, &after.release);
    let commits = changes.image.as_ref().and_then(|image| commits(repo, image));
    let objects = objects(&before, &after);
    let mut text = Text::from(format!("{} -> {}", name(&before.release), name(&after.release)));
    text.push(words(&changes, commits.as_deref()));
    if !objects.is_empty() {
        text.push("objects (with ID for both releases' IDs):");
        text.push(Text::diff(&objects));
    }
    let side = |found: &Found| found.release.id.to_string();
    let document = Document {
        before: Side { env: &before.release.env, id: side(&before) },
        after: Side { env: &after.release.env, id: side(&after) },
        changes,
        commits,
        objects,
    };
    ui.result(text, &document);
    Ok(())
}

/// The two releases: as named, or the newest one and the one before it.
fn sides(repo: &Repo, env: &EnvName, args: &Diff, ui: &Ui) -> Result<(Found, Found)> {
    let load = |reference: &Reference| {
        look(&Ledger::of(repo, reference.env.as_ref().unwrap_or(env)), reference.id, ui)
    };
    if let (Some(before), Some(after)) = (&args.before, &args.after) {
        return Ok((load(before)?, load(after)?));
    }
    let ledger = Ledger::of(repo, env);
    let newest = look(&ledger, ledger.newest()?, ui)?;
    let previous = newest.release.previous.ok_or_else(|| {
        let why = format!("{} is its first release: there is none before it", newest.release.id);
        Error::refused(format!("comparing the newest releases of {env}"), why)
            .next("name two releases: `cargo xtask releases diff dev/ID prod/ID`")
    })?;
    Ok((look(&ledger, previous.id, ui)?, newest))
}

fn name(release: &Release) -> String {
    format!("{}/{}", release.env, release.id)
}

/// What the changes are, a paragraph for each part of a release that has any.
pub(in crate::verb) fn words(changes: &Changes, commits: Option<&[String]>) -> Text {
    let mut text = Text::default();
    let mut part = |heading: &str, lines: Vec<Text>| {
        if !lines.is_empty() {
            text.push(format!("{heading}:"));
            text.push(Text::lines(lines));
        }
    };
    let one = |change: &Change<String>| lines("", change);
    part("image", changes.image.iter().flat_map(|image| one(&map(image, image_words))).collect());
    let listed = commits.unwrap_or_default().iter().map(|commit| format!("  {commit}").into());
    part("commits", listed.collect());
    let config = changes.config.iter().flat_map(|(name, change)| lines(&format!("{name} = "), change));
    part("config", config.collect());
    let secrets =
        changes.secrets.iter().map(|(name, change)| format!("  {name}: {}", secret_words(*change)).into());
    part("secrets", secrets.collect());
    let processes = changes
        .processes
        .iter()
        .flat_map(|(name, change)| lines(&format!("{name}: "), &map(change, process_words)));
    part("processes", processes.collect());
    let target = changes.target.iter().flat_map(|target| one(&map(target, ToString::to_string)));
    part("target", target.collect());
    let services = changes.services.iter().flat_map(|services| one(&map(services, services_words)));
    part("services", services.collect());
    let network = changes.network.iter().flat_map(|network| one(&map(network, network_words)));
    part("network", network.collect());
    let ingress = changes.ingress.iter().flat_map(|ingress| one(&map(ingress, ingress_words)));
    part("ingress", ingress.collect());
    if changes.words().is_empty() {
        text.push("no change in image, config, processes, target, services, network or ingress");
    }
    text
}

fn map<T, U>(change: &Change<T>, words: impl Fn(&T) -> U) -> Change<U> {
    Change { from: change.from.as_ref().map(&words), to: change.to.as_ref().map(&words) }
}

fn lines(prefix: &str, change: &Change<impl Display>) -> Vec<Text> {
    let from = change.from.as_ref().map(|from| Text::removed(format!("  - {prefix}{from}")));
    let to = change.to.as_ref().map(|to| Text::added(format!("  + {prefix}{to}")));
    from.into_iter().chain(to).collect()
}

fn image_words(image: &Image) -> String {
    let dirty = if image.dirty { " with uncommitted changes" } else { "" };
    format!("{} from {}{dirty}", image.digest, &image.revision[..10.min(image.revision.len())])
}

fn process_words(process: &Process) -> String {
    let port = process.port.map_or_else(String::new, |port| format!(", port {port}"));
    let settings = settings_words(&process.settings).map_or_else(String::new, |words| format!(", {words}"));
    format!("{} of `{}`{port}{settings}", process.count, process.args.join(" "))
}

/// What a process type's settings are, if there are any.
pub(super) fn settings_words(settings: &Settings) -> Option<String> {
    let Settings { spread, requests, limits, autoscale, disruption } = settings;
    let amounts = |what: &str, amounts: &Amounts| {
        let all = [("cpu", &amounts.cpu), ("memory", &amounts.memory)];
        let said = all
            .iter()
            .filter_map(|(name, amount)| Some(format!("{what} {name} {}", amount.as_ref()?.as_str())));
        said.collect::<Vec<_>>()
    };
    let mut words = [amounts("requests", requests), amounts("limits", limits)].concat();
    words.extend(autoscale.map(|Autoscale { min, max, cpu }| format!("from {min} to {max} at {cpu} % cpu")));
    words.extend(disruption.map(|disruption| match disruption {
        Disruption::MinAvailable(number) => format!("{number} stay"),
        Disruption::MaxUnavailable(number) => format!("{number} may be away"),
    }));
    words.extend(spread.as_ref().map(|label| format!("spread over {label}")));
    (!words.is_empty()).then(|| words.join(", "))
}

pub(super) fn network_words(network: &Network) -> String {
    if !network.isolate {
        return "open".to_owned();
    }
    let to = |egress: &Egress| format!(", {}:{}", egress.to.as_deref().unwrap_or("any"), egress.port);
    format!("isolated{}", network.egress.iter().map(to).collect::<String>())
}

pub(super) fn ingress_words(ingress: &Ingress) -> String {
    let class = ingress.class.as_ref().map_or_else(String::new, |class| format!(", class {class}"));
    let tls = ingress.tls_secret.as_ref().map_or_else(String::new, |secret| format!(", TLS by {secret}"));
    format!("{}{class}{tls}", ingress.host)
}

fn services_words(services: &Services) -> String {
    services.postgres.as_ref().map_or_else(
        || "none".to_owned(),
        |postgres| {
            let whose = if postgres.attached { "attached" } else { "the deploy's own" };
            let image = postgres.image.as_ref().map_or_else(String::new, |image| format!(", {image}"));
            format!("postgres, {whose}, by {}, port {}{image}", postgres.variable, postgres.port)
        },
    )
}

fn secret_words(change: SecretChange) -> &'static str {
    match change {
        SecretChange::Added => "added",
        SecretChange::Removed => "removed",
        SecretChange::Changed => "changed",
        SecretChange::Same => "same",
        SecretChange::Unknown => {
            "sealed anew under another key; whether it changed, only its recipients can tell"
        }
    }
}

/// The commits that lead from one image's source to the other's, if this clone knows both.
fn commits(repo: &Repo, image: &Change<Image>) -> Option<Vec<String>> {
    let (from, to) = (&image.from.as_ref()?.revision, &image.to.as_ref()?.revision);
    let range = format!("{from}..{to}");
    let log = ["log", "--no-show-signature", "--format=%h %s", "--end-of-options", &range];
    Some(Git::at(repo.root()).line(log).ok()?.lines().map(str::to_owned).collect())
}

/// The unified diff of two releases' objects. Their IDs are different anyway and would hide the rest.
fn objects(before: &Found, after: &Found) -> String {
    let text = |found: &Found| {
        let id = found.release.id;
        let text = found.objects.as_deref().unwrap_or_default();
        text.replace(&id.to_string(), "ID").replace(&id.as_name(), "ID")
    };
    // With another target, all of it would be new or gone.
    if before.objects.is_some() != after.objects.is_some() {
        return String::new();
    }
    let (old, new) = (text(before), text(after));
    unified((&name(&before.release), &old), (&name(&after.release), &new))
}
