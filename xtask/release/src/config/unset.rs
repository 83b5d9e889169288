//! Variables are taken out of whichever file has them.

use xtask_contract::{Context, Deploy, EnvName, Error, Repo, Result, SealedSecrets, nearest::did_you_mean};

use super::{Changed, clear, folder, text};

/// Takes variables out, all or none.
pub fn unset(repo: &Repo, env: &EnvName, names: &[String]) -> Result<Changed> {
    let doing = || format!("unsetting variables of {env}");
    let _lock = folder::lock(repo)?;
    let deploy = Deploy::read(repo, env)?;
    let secrets = SealedSecrets::read(repo, env)?;
    let sealed = || secrets.iter().flat_map(|all| all.values.keys());
    let known: Vec<&str> = deploy.config.keys().chain(sealed()).map(String::as_str).collect();
    let unknown = names.iter().filter(|name| !known.contains(&name.as_str()));
    let problems: Vec<String> = unknown
        .map(|name| format!("{name} is not set{}", did_you_mean(name, known.iter().copied())))
        .collect();
    if !problems.is_empty() {
        return Err(Error::refused_for(doing(), problems)
            .next(format!("`cargo xtask config --env {env}` lists what is set")));
    }

    let mut files = Vec::new();
    if let Some(mut secrets) = secrets.clone()
        && names.iter().filter(|name| secrets.values.remove(*name).is_some()).count() > 0
    {
        secrets.write(repo, env)?;
        files.push(repo.relative(&repo.secrets_file(env)).display().to_string());
    }
    let before = clear::read(repo, env)?;
    let mut after = before.clone();
    for name in names {
        after = text::unset(&after, name).doing(doing)?;
    }
    files.extend(clear::write(repo, env, &before, &after)?);
    Ok(Changed { variables: names.to_vec(), files, notes: Vec::new() })
}
