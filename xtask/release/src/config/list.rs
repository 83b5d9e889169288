//! All variables of a deploy, and where each comes from.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use xtask_contract::{Deploy, EnvName, Error, Identity, Repo, Result, SealedSecrets, nearest::did_you_mean};

use super::known::Known;

/// A variable of a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its value, if it has one and that is no secret.
    pub value: Option<String>,
    /// Whether its value is a secret.
    pub secret: bool,
    /// Where it comes from.
    pub source: Source,
}

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, by its path in the checkout.
    File(String),
    /// The service itself, which the deploy leaves it to.
    Default,
    /// `release`, which makes it when it is first needed.
    Release,
    /// Nowhere, though the service needs it.
    Missing,
}

impl Source {
    /// The path, or a word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::File(path) => path,
            Self::Default => "default",
            Self::Release => "release",
            Self::Missing => "missing",
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Lists a deploy's variables by name. No secret is opened.
pub fn list(repo: &Repo, env: &EnvName) -> Result<Vec<Entry>> {
    let deploy = Deploy::read(repo, env)?;
    let secrets = SealedSecrets::read(repo, env)?;
    let sealed = secrets.iter().flat_map(|all| all.values.keys()).map(String::as_str).collect();
    let path = |path| Source::File(repo.relative(path).display().to_string());
    let sources = [path(&repo.deploy_file(env)), path(&repo.secrets_file(env))];
    Ok(entries(&deploy, &sealed, &Known::of(repo, &deploy)?, sources))
}

fn entries(deploy: &Deploy, sealed: &BTreeSet<&str>, known: &Known, files: [Source; 2]) -> Vec<Entry> {
    let [clear_file, sealed_file] = files;
    let entry = |name: &str, value: Option<&String>, source: &Source| {
        let secret = known.is_secret(name) || sealed.contains(name);
        let value = value.filter(|_| !secret).cloned();
        Entry { name: name.to_owned(), value, secret, source: source.clone() }
    };
    let own = deploy.services.own_postgres().map(|postgres| postgres.variable.as_str());
    let elsewhere = |name: &str| deploy.config.contains_key(name) || sealed.contains(name);
    let mut all: Vec<Entry> =
        deploy.config.iter().map(|(name, text)| entry(name, Some(&text.0), &clear_file)).collect();
    all.extend(sealed.iter().map(|name| entry(name, None, &sealed_file)));
    all.extend(own.filter(|name| !elsewhere(name)).map(|name| entry(name, None, &Source::Release)));
    for variable in known.variables() {
        if !elsewhere(&variable.name) && own != Some(&variable.name) {
            let source = if variable.required { Source::Missing } else { Source::Default };
            all.push(entry(&variable.name, variable.default.as_ref(), &source));
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// One variable with its value; a secret is opened only if it is to be revealed.
pub fn get(repo: &Repo, env: &EnvName, name: &str, reveal: bool) -> Result<Entry> {
    let doing = || format!("reading {name} of {env}");
    let all = list(repo, env)?;
    // A secret that stands in the clear, too, is the sealed one: that is where it belongs.
    let Some(entry) = all.iter().rfind(|entry| entry.name == name) else {
        let hint = did_you_mean(name, all.iter().map(|entry| entry.name.as_str()));
        return Err(Error::refused(doing(), format!("there is no such variable{hint}"))
            .next(format!("`cargo xtask config --env {env}` lists all of them")));
    };
    let absent = |why: &str, next: &str| Err(Error::refused(doing(), why).next(next));
    match &entry.source {
        Source::Missing => absent("it is missing", "set it: `cargo xtask config set`"),
        Source::Release => absent("it is not made yet", "`cargo xtask release` makes and seals it"),
        Source::Default if entry.value.is_none() => {
            absent("it is not set and has no default", "set it: `cargo xtask config set`")
        }
        _ if !entry.secret => Ok(entry.clone()),
        _ if !reveal => Err(Error::refused(doing(), "it is a secret")
            .next(format!("to show it, ask for that: `cargo xtask config get {name} --env {env} --reveal`"))),
        _ => Ok(Entry { value: Some(revealed(repo, env, name)?), ..entry.clone() }),
    }
}

fn revealed(repo: &Repo, env: &EnvName, name: &str) -> Result<String> {
    let identity = Identity::at_hand(repo)?;
    let secrets = SealedSecrets::read(repo, env)?;
    let opened = secrets.map(|all| all.open(name, identity.as_ref())).transpose()?.flatten();
    Ok(match opened {
        Some(secret) => secret.expose().to_owned(),
        // It stands in the clear, where it should not.
        None => Deploy::read(repo, env)?.config.remove(name).map_or_else(String::new, |text| text.0),
    })
}
