//! Credentials for the backing services that a deploy has of its own: made once, sealed at once, kept in the
//! deploy's secrets file. The server itself is started by `run`, which reads them from the release.

use xtask_contract::{
    Deploy, EnvName, Identity, Repo, Result, SealedSecrets, Secret,
    deploy::{Postgres, Target},
    service,
};

use crate::{config::folder, recipients};

/// The deploy's secrets, after adding what its own services need and do not have yet.
pub(crate) fn secrets(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<Option<SealedSecrets>> {
    let secrets = SealedSecrets::read(repo, env)?;
    let Some(postgres) = deploy.services.own_postgres() else { return Ok(secrets) };
    let has = |secrets: &SealedSecrets| secrets.values.contains_key(&postgres.variable);
    if secrets.as_ref().is_some_and(has) || deploy.config.contains_key(&postgres.variable) {
        return Ok(secrets);
    }
    // Two releases at once must not each make a password: the second one takes the first one's.
    let _lock = folder::lock(repo)?;
    let mut secrets = recipients::read_or_new(repo, env, deploy)?;
    if !has(&secrets) {
        let identity = Identity::at_hand(repo)?;
        secrets.insert(&postgres.variable, &url(postgres, &deploy.target)?, identity.as_ref())?;
        secrets.write(repo, env)?;
    }
    Ok(Some(secrets))
}

/// A URL of the deploy's own server, with a new password. User and database have the service's name, which SQL takes
/// without quotes.
pub(crate) fn url(postgres: &Postgres, target: &Target) -> Result<Secret> {
    let (host, password, name) = (host(target), Secret::random::<16>()?, service::NAME.replace('-', "_"));
    Ok(Secret::new(format!("postgres://{name}:{}@{host}:{}/{name}", password.expose(), postgres.port)))
}

/// The host at which the deploy's processes find its own server.
pub(crate) fn host(target: &Target) -> &'static str {
    match target {
        Target::Local {} => "127.0.0.1",
        Target::Kind { .. } | Target::Kubernetes { .. } => "postgres",
    }
}
