//! The variables that stand in the clear: set, unset, or edited by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
};

use xtask_contract::{
    Context, Deploy, EnvName, Error, Repo, Result, SealedSecrets, deploy::Text, durable, service::RELEASE_ID,
};

use super::{Assignment, Changed, folder, known::Known, text};
use crate::check::release_id_is_not_for_config;

/// Sets variables, all or none.
pub fn set(repo: &Repo, env: &EnvName, assignments: &[Assignment]) -> Result<Changed> {
    let doing = || format!("setting variables of {env}");
    let _lock = folder::lock(repo)?;
    let before = read(repo, env)?;
    let old = parse(repo, env, &before)?.config;
    let mut after = before.clone();
    // What has this value already is left as it stands, however it is written.
    let differs = |to: &&Assignment| old.get(&to.name).is_none_or(|text| text.0 != to.value);
    let mut variables = Vec::new();
    for Assignment { name, value } in assignments.iter().filter(differs) {
        after = text::set(&after, name, value).doing(doing)?;
        variables.push(name.clone());
    }
    let names = assignments.iter().map(|assignment| assignment.name.as_str()).collect();
    let notes = check_variables(repo, env, &after, &names, doing)?;
    let files = write(repo, env, &before, &after)?;
    Ok(Changed { variables, files, notes })
}

/// The text of a deploy's file, which may be no valid one.
pub fn read(repo: &Repo, env: &EnvName) -> Result<String> {
    let path = repo.deploy_file(env);
    if !path.exists() {
        Deploy::read(repo, env)?; // says which ones there are
    }
    fs::read_to_string(&path).doing(|| format!("reading {}", repo.relative(&path).display()))
}

/// Checks an edited text of a deploy's file: notes on it, or why it is refused.
pub fn check(repo: &Repo, env: &EnvName, before: &str, after: &str) -> Result<Vec<String>> {
    let new = parse(repo, env, after)?.config;
    let names = differing(before, &new);
    let names = names.iter().map(String::as_str).filter(|name| new.contains_key(*name)).collect();
    check_variables(repo, env, after, &names, || format!("editing k8s/envs/{env}.toml"))
}

/// Writes an edited text, unless the file has changed meanwhile.
pub fn replace(repo: &Repo, env: &EnvName, before: &str, after: &str) -> Result<Changed> {
    let notes = check(repo, env, before, after)?;
    let _lock = folder::lock(repo)?;
    if read(repo, env)? != before {
        let doing = format!("writing k8s/envs/{env}.toml");
        return Err(Error::refused(doing, "the file was changed while you edited it")
            .next("edit it again, with what it says now"));
    }
    let variables = differing(before, &parse(repo, env, after)?.config);
    Ok(Changed { variables, files: write(repo, env, before, after)?, notes })
}

/// The variables that have another value than in this text, or none where the other has one.
fn differing(before: &str, new: &BTreeMap<String, Text>) -> Vec<String> {
    // A text that is to be mended by hand may be no deploy's file.
    let old = Deploy::parse(before).map(|deploy| deploy.config).unwrap_or_default();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
}

/// Checks that these variables may stand in the clear. Returns notes on their values.
fn check_variables(
    repo: &Repo,
    env: &EnvName,
    text: &str,
    names: &BTreeSet<&str>,
    doing: impl Fn() -> String,
) -> Result<Vec<String>> {
    let deploy = parse(repo, env, text)?;
    let known = Known::of(repo, &deploy)?;
    let secrets = SealedSecrets::read(repo, env)?;
    let sealed = |name: &str| secrets.as_ref().is_some_and(|all| all.values.contains_key(name));
    if names.contains(RELEASE_ID) {
        return Err(Error::refused(doing(), release_id_is_not_for_config()));
    }
    let problem = |name: &&str| match *name {
        name if sealed(name) => Some(format!("{name} is sealed in k8s/envs/{env}.secrets.toml")),
        name if known.is_secret(name) => Some(format!("{name} is a secret: it must be sealed")),
        _ => None,
    };
    let refused: Vec<&str> = names.iter().copied().filter(|name| problem(name).is_some()).collect();
    if let [name, ..] = refused[..] {
        let why = refused.iter().filter_map(problem).collect();
        return Err(Error::refused_for(doing(), why).next(format!(
            "`cargo xtask config set --secret {name} --env {env}` asks for it; what was given on a command line may \
             stand in the shell's history"
        )));
    }
    let note = |name: &&str| known.note(name, &deploy.config.get(*name)?.0);
    let unchecked = known.unchecked().filter(|_| !names.is_empty());
    Ok(names.iter().filter_map(note).chain(unchecked).collect())
}

/// Reads a text as a deploy; what is wrong is told by its place.
fn parse(repo: &Repo, env: &EnvName, text: &str) -> Result<Deploy> {
    let path = repo.deploy_file(env);
    let doing = || format!("reading {}", repo.relative(&path).display());
    Deploy::parse(text).map_err(|why| Error::refused(doing(), why))
}

/// Replaces the file, if it is to say something else; which files were written.
pub(super) fn write(repo: &Repo, env: &EnvName, before: &str, after: &str) -> Result<Vec<String>> {
    if before == after {
        return Ok(Vec::new());
    }
    let path = repo.deploy_file(env);
    let relative = repo.relative(&path).display().to_string();
    // Its mode is kept: the file is a new one.
    fs::metadata(&path)
        .and_then(|file| durable::replace(&path, after.as_bytes(), file.permissions().mode() & 0o777))
        .doing(|| format!("writing {relative}"))?;
    Ok(vec![relative])
}
