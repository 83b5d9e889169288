//! III: each process has the environment that its release says, and no secret is anywhere else.

use std::{collections::BTreeMap, fs};

use xtask_contract::{Context, Deploy, Digest, Result, deploy::Text, service::RELEASE_ID};

use super::may_be_disturbed;
use crate::{http, notes::Notes, picture::Picture, stage::Stage, traffic};

/// A shorter secret is found everywhere.
const SHORTEST: usize = 8;

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let said = said_by_the_release(stage)?;
    let before = environments(stage)?;
    let mut rows = Vec::new();
    for (name, environment) in &before {
        let unlike = unlike(&said, environment, |name| stage.ground.tells(name));
        notes.check(
            unlike.is_empty(),
            format!("{name} has the {} variables of its release, and no other.", said.len()),
            (
                "other_environment",
                format!("{name} has another environment than its release says: {}", unlike.join(", ")),
            ),
        );
    }
    for (name, value) in &said {
        let shown = match value {
            Said::Clear(text) => text.clone(),
            Said::Secret(_) => "sealed".to_owned(),
        };
        rows.push(vec![name.clone(), shown, before.len().to_string()]);
    }
    notes.picture(Picture::table("The environment", &["variable", "value", "processes"], rows));
    notes.command(format!("cargo xtask config --env {}", stage.env));
    nowhere_else(stage, &said, notes)?;
    an_edit_changes_no_process(stage, &before, notes)
}

enum Said {
    Clear(String),
    Secret(String),
}

fn said_by_the_release(stage: &Stage<'_>) -> Result<BTreeMap<String, Said>> {
    let env = stage.env.as_str();
    let id = stage.runs()?.to_string();
    let shown = stage.toolchain.document(&["releases", "show", &id, "--env", env])?;
    let clear = shown["config"].as_object().cloned().unwrap_or_default();
    let mut said: BTreeMap<String, Said> = clear
        .into_iter()
        .map(|(name, value)| (name, Said::Clear(value.as_str().unwrap_or_default().to_owned())))
        .collect();
    let listed = stage.toolchain.document(&["config", "--env", env])?;
    for variable in listed.as_array().into_iter().flatten() {
        let is_sealed = variable["secret"] == true && variable["source"] != "missing";
        if let (Some(name), true) = (variable["name"].as_str(), is_sealed) {
            let revealed = stage.toolchain.call(&["config", "get", name, "--reveal", "--env", env], "")?;
            if revealed.code == 0 {
                said.insert(name.to_owned(), Said::Secret(revealed.stdout.trim_end_matches('\n').to_owned()));
            }
        }
    }
    Ok(said)
}

/// The environment of each process, by the process's name.
fn environments(stage: &Stage<'_>) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let look = |one: crate::ground::Running| {
        let environment = one.process.environment().doing(|| format!("looking at {}", one.name))?;
        Ok((format!("{} ({})", one.name, one.process.id), environment))
    };
    stage.processes()?.into_iter().map(look).collect()
}

/// The names of the variables that are not as the release says.
fn unlike(
    said: &BTreeMap<String, Said>,
    environment: &BTreeMap<String, String>,
    of_the_supervisor: impl Fn(&str) -> bool,
) -> Vec<String> {
    let differs = said.iter().filter(|(name, value)| match (value, environment.get(*name)) {
        (Said::Clear(text), Some(found)) => text != found,
        (Said::Secret(text), Some(found)) => Digest::of(text) != Digest::of(found),
        (_, None) => true,
    });
    let is_known = |name: &String| said.contains_key(name) || name == RELEASE_ID || of_the_supervisor(name);
    let more = environment.keys().filter(|name| !is_known(name));
    differs.map(|(name, _)| name).chain(more).cloned().collect()
}

/// No secret is in the image, in a line, in an argument or in an answer.
fn nowhere_else(stage: &Stage<'_>, said: &BTreeMap<String, Said>, notes: &mut Notes) -> Result<()> {
    let secrets: Vec<(&String, Vec<String>)> = said
        .iter()
        .filter_map(|(name, value)| match value {
            Said::Secret(text) => Some((name, parts_of_a_secret(text))),
            Said::Clear(_) => None,
        })
        .collect();
    if secrets.is_empty() {
        notes.not_shown("No variable of the deploy is sealed: there is no secret to look for.");
        return Ok(());
    }
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for layer in &stage.layout.manifest(&stage.record.digest)?.layers {
        let mut bytes = Vec::new();
        stage.layout.read_layer(layer, |content| content.read_to_end(&mut bytes).map(drop))?;
        places.push((format!("the layer {}", layer.digest.short()), bytes));
    }
    places.push(("the lines of its processes".into(), stage.shown()?.into_bytes()));
    for one in stage.processes()? {
        let arguments = one.process.arguments().unwrap_or_default().join(" ");
        places.push((format!("the arguments of {}", one.name), arguments.into_bytes()));
    }
    for path in [stage.readiness(), "/", "/nowhere"] {
        let body = http::get(stage.address(), path).map(|answer| answer.body).unwrap_or_default();
        places.push((format!("the answer to GET {path}"), body.into_bytes()));
    }
    if let Some(example) = &stage.service.example {
        let answer = traffic::write(stage.address(), example, &stage.text(), &[]);
        let body = answer.map(|(answer, _)| answer.body).unwrap_or_default();
        places.push((format!("the answer to POST {}", example.write.path), body.into_bytes()));
    }
    let found: Vec<String> = secrets
        .iter()
        .flat_map(|(name, texts)| {
            places
                .iter()
                .filter(|(_, bytes)| texts.iter().any(|text| contains(bytes, text.as_bytes())))
                .map(move |(place, _)| format!("{name} is in {place}"))
        })
        .collect();
    notes.check(
        found.is_empty(),
        format!(
            "No secret ({}) is in a layer of the image, in a line, in an argument or in an answer: {} places were searched.",
            secrets.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
            places.len()
        ),
        ("secret_elsewhere", format!("Secrets were found: {}", found.join(", "))),
    );
    Ok(())
}

/// The secret, and of a URL the password.
fn parts_of_a_secret(text: &str) -> Vec<String> {
    let password = text.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
    let password =
        password.and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password.to_owned());
    let mut parts = vec![text.to_owned()];
    parts.extend(password);
    parts.retain(|part| part.len() >= SHORTEST);
    parts
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn an_edit_changes_no_process(
    stage: &Stage<'_>,
    before: &BTreeMap<String, BTreeMap<String, String>>,
    notes: &mut Notes,
) -> Result<()> {
    if !may_be_disturbed(stage, notes) {
        return Ok(());
    }
    let path = stage.project.deploy_file(stage.env);
    let text = crate::stage::read(&path)?;
    let mut deploy = Deploy::read(&stage.project, stage.env)?;
    for value in deploy.config.values_mut() {
        *value = Text(format!("{}0", value.0));
    }
    let edited = toml::to_string(&deploy).doing(|| "editing the deploy's file")?;
    fs::write(&path, edited).doing(|| "editing the deploy's file")?;
    let after = environments(stage);
    let answers = http::get(stage.address(), stage.readiness()).is_ok_and(|answer| answer.status == 200);
    fs::write(&path, text).doing(|| "editing the deploy's file")?;
    notes.check(
        answers && &after? == before,
        "The deploy's file was edited, and no process took notice: config comes with a release alone.",
        ("config_by_file", "An edit of the deploy's file has changed a process that runs."),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_more_or_less_or_another_value_is_named() {
        let said = BTreeMap::from([
            ("PORT".to_owned(), Said::Clear("80".into())),
            ("URL".to_owned(), Said::Secret("canary".into())),
        ]);
        let unlike = |all: &[(&str, &str)]| {
            let all = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            unlike(&said, &all, |name| name == "LISTEN_FDS")
        };
        assert!(unlike(&[("PORT", "80"), ("URL", "canary"), ("LISTEN_FDS", "1")]).is_empty());
        assert_eq!(unlike(&[("PORT", "81"), ("HOME", "/"), ("URL", "canary")]), ["PORT", "HOME"]);
        assert_eq!(unlike(&[("PORT", "80"), ("URL", "other")]), ["URL"]);
        assert_eq!(unlike(&[("PORT", "80")]), ["URL"]);
    }

    #[test]
    fn of_a_url_the_password_counts_by_itself() {
        assert_eq!(
            parts_of_a_secret("postgres://todo:correct-horse@host/db"),
            ["postgres://todo:correct-horse@host/db", "correct-horse"]
        );
        assert!(parts_of_a_secret("short").is_empty());
        assert!(contains(b"a canary sings", b"canary") && !contains(b"", b"canary"));
    }
}
