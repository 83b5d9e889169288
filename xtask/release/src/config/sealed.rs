//! The variables that are sealed: set, or sealed to others.

use xtask_contract::{
    Context, Deploy, EnvName, Error, Identity, Recipient, Repo, Result, SealedSecrets, Secret,
    service::RELEASE_ID,
};

use super::{Changed, clear, folder, known::Known, text};
use crate::{check::release_id_is_not_for_config, recipients};

/// Seals a value for a variable. If it stands in the clear it is taken out there, but only afterwards: killed in
/// between, the same command mends it.
pub fn seal(repo: &Repo, env: &EnvName, name: &str, value: &Secret) -> Result<Changed> {
    let doing = || format!("sealing {name} of {env}");
    if name == RELEASE_ID {
        return Err(Error::refused(doing(), release_id_is_not_for_config()));
    }
    if let Some(why) = unfit(value) {
        return Err(Error::refused(doing(), why));
    }
    let _lock = folder::lock(repo)?;
    let deploy = Deploy::read(repo, env)?;
    let known = Known::of(repo, &deploy)?;
    let mut notes: Vec<String> =
        known.note(name, value.expose()).into_iter().chain(known.unchecked()).collect();
    if deploy.services.own_postgres().is_some_and(|own| own.variable == name) {
        notes.push(format!(
            "{name} leads to {env}'s own server; `cargo xtask services attach postgres --env {env}` is what points it \
             at another one"
        ));
    }
    let mut secrets = recipients::read_or_new(repo, env, &deploy)?;
    secrets.insert(name, value, Identity::at_hand(repo)?.as_ref())?;
    secrets.write(repo, env)?;
    let mut files = vec![repo.relative(&repo.secrets_file(env)).display().to_string()];

    let before = clear::read(repo, env)?;
    let after = text::unset(&before, name).doing(doing)?;
    let emptied = clear::write(repo, env, &before, &after)?;
    if !emptied.is_empty() {
        notes.push(format!(
            "{name} stood in the clear: if that was ever committed or copied, take a new value where it comes from"
        ));
    }
    files.extend(emptied);
    Ok(Changed { variables: vec![name.to_owned()], files, notes })
}

/// Why this can be no variable's value.
fn unfit(value: &Secret) -> Option<&'static str> {
    match value.expose() {
        "" => Some("its value is empty"),
        text if text.contains('\0') => Some("no variable can hold a zero byte"),
        _ => None,
    }
}

/// Who can open a deploy's secrets from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekeyed {
    /// The variables that were sealed anew.
    pub names: Vec<String>,
    /// To whom.
    pub recipients: Vec<Recipient>,
    /// Who could open them before and cannot any more.
    pub removed: Vec<Recipient>,
}

/// Seals all secrets anew, under a new key, to those whom the deploy names.
pub fn rekey(repo: &Repo, env: &EnvName) -> Result<Rekeyed> {
    let deploy = Deploy::read(repo, env)?;
    let _lock = folder::lock(repo)?;
    let Some(secrets) = SealedSecrets::read(repo, env)? else {
        return Err(Error::refused(format!("sealing the secrets of {env} anew"), "it has none yet"));
    };
    let identity = Identity::at_hand(repo)?;
    // A user who cannot open them is told so here, before this machine gets an identity that nobody asked for.
    secrets.open_all(identity.as_ref())?;
    let anew = secrets.rekey(recipients::of(repo, &deploy)?, identity.as_ref())?;
    anew.write(repo, env)?;
    let removed = secrets.recipients.into_iter().filter(|one| !anew.recipients.contains(one)).collect();
    Ok(Rekeyed { names: anew.values.into_keys().collect(), recipients: anew.recipients, removed })
}
