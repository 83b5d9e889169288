//! Credentials for the backing services that a deploy has of its own: made once, sealed at once, kept in the
//! deploy's secrets file. The server itself is started by `run`, which reads them from the release.

use xtask_contract::{
    Deploy, EnvName, Repo, Result,
    deploy::{Postgres, Secrets, Target},
    durable,
    error::Context,
    seal::{Identity, Sealed, Secret, recipients},
};

/// The user and the database that a deploy's own server has.
const NAME: &str = "todo";

/// The deploy's secrets, after adding what its own services need and do not have yet.
pub(crate) fn secrets(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<Secrets> {
    let secrets = Secrets::read(repo, env)?;
    let Some(postgres) = &deploy.services.postgres else { return Ok(secrets) };
    if secrets.secrets.contains_key(&postgres.variable) || deploy.config.contains_key(&postgres.variable) {
        return Ok(secrets);
    }
    // Two releases at once must not each make a password: the second one takes the first one's.
    let envs = repo.k8s().join("envs");
    let _lock = durable::lock(&envs).doing(|| format!("taking the lock of {}", envs.display()))?;
    let mut secrets = Secrets::read(repo, env)?;
    if !secrets.secrets.contains_key(&postgres.variable) {
        let to = match deploy.policy.recipients.as_slice() {
            [] => vec![Identity::of_this_machine(repo)?.recipient()],
            named => recipients(named)?,
        };
        let url = url(postgres, &deploy.target)?;
        secrets.secrets.insert(postgres.variable.clone(), Sealed::seal(&url, &to)?);
        secrets.write(repo, env)?;
    }
    Ok(secrets)
}

fn url(postgres: &Postgres, target: &Target) -> Result<Secret> {
    let host = match target {
        Target::Local {} => "127.0.0.1",
        Target::Kind { .. } => "postgres",
    };
    let password = Secret::random()?;
    Ok(Secret::new(format!("postgres://{NAME}:{}@{host}:{}/{NAME}", password.expose(), postgres.port)))
}
