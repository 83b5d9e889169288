//! `cargo xtask config`.

mod edit;
mod list;
mod set;

use serde::Serialize;
use xtask_contract::{EnvName, Progress, Recipient, Repo, Result};
use xtask_release::config::{self, Changed};

use crate::{
    cli::{self, Action},
    ui::{Text, Ui},
};

pub(crate) fn config(repo: &Repo, args: &cli::Config, ui: &Ui) -> Result<()> {
    let env = &args.env;
    match &args.action {
        None => list::list(repo, env, ui),
        Some(Action::Get { name, reveal }) => list::get(repo, env, name, *reveal, ui),
        Some(Action::Set { assignments, secret: false }) => set::clear(repo, env, assignments, ui),
        Some(Action::Set { assignments, secret: true }) => set::sealed(repo, env, assignments, ui),
        Some(Action::Unset { names }) => unset(repo, env, names, ui),
        Some(Action::Edit { yes }) => edit::edit(repo, env, *yes, ui),
        Some(Action::Rekey) => rekey(repo, env, ui),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    env: &'a EnvName,
    #[serde(flatten)]
    changed: &'a Changed,
}

/// Shows a change: what was done, and where.
fn show(env: &EnvName, done: &str, changed: &Changed, ui: &Ui) {
    for note in &changed.notes {
        ui.note(&format!("note: {note}"));
    }
    let words = match changed.files.as_slice() {
        [] => format!("nothing changes: k8s/envs/{env}.toml says so already"),
        files => format!("{done} in {}; the next release of {env} carries it", files.join(" and ")),
    };
    ui.result(&words, &Document { env, changed });
}

fn unset(repo: &Repo, env: &EnvName, names: &[String], ui: &Ui) -> Result<()> {
    let changed = config::unset(repo, env, names)?;
    show(env, &format!("unset {}", names.join(", ")), &changed, ui);
    Ok(())
}

#[derive(Serialize)]
struct Rekeyed<'a> {
    env: &'a EnvName,
    variables: Vec<String>,
    recipients: Vec<String>,
    removed: Vec<String>,
}

fn rekey(repo: &Repo, env: &EnvName, ui: &Ui) -> Result<()> {
    let rekeyed = config::rekey(repo, env)?;
    let text = |all: &[Recipient]| all.iter().map(ToString::to_string).collect();
    let document = Rekeyed {
        env,
        recipients: text(&rekeyed.recipients),
        removed: text(&rekeyed.removed),
        variables: rekeyed.names,
    };
    ui.result(rekeyed_words(&document), &document);
    Ok(())
}

fn rekeyed_words(document: &Rekeyed<'_>) -> Text {
    let Rekeyed { env, variables, recipients, removed } = document;
    let what =
        if variables.is_empty() { "a new key".to_owned() } else { format!("{} anew", variables.join(", ")) };
    let mut words = Text::from(format!(
        "sealed {what} in k8s/envs/{env}.secrets.toml, to {}; the next release of {env} carries it",
        recipients.join(" and ")
    ));
    if !removed.is_empty() {
        words.push(format!(
            "but {} knew the values: change them where they come from, and set them here",
            removed.join(" and ")
        ));
    }
    words
}
