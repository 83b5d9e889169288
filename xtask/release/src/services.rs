//! A deploy's backing services as attached resources (twelve-factor IV). Which server the service uses is
//! config: swapping it changes the deploy's two files and its next release, and no image.

use xtask_contract::{
    Deploy, EnvName, Error, Identity, Logging, Record, Repo, Result, SealedSecrets, Secret, Vouched,
    deploy::{Postgres, Target},
};

use crate::{Endpoint, config::folder, deploy_file, draft::set_image, provision, recipients, render};

/// A backing service of a deploy, as the deploy's files have it.
#[derive(Debug)]
pub struct Service {
    /// Its name: the table below `[services]`.
    pub name: &'static str,
    /// The variable that gets its URL.
    pub variable: String,
    /// Whether it is somebody else's server; otherwise it is the deploy's own.
    pub attached: bool,
    /// Where it is.
    pub place: Place,
}

/// Where a backing service is, as far as can be said.
#[derive(Debug)]
pub enum Place {
    /// Here.
    At(Endpoint),
    /// The URL cannot be opened on this machine.
    Sealed,
    /// There is no URL yet.
    None,
}

/// A deploy's own PostgreSQL server: what it takes to start it without a release.
#[derive(Debug)]
pub struct Own {
    /// Where the deploy runs.
    pub target: Target,
    /// Its table in the deploy's file.
    pub postgres: Postgres,
    /// Its URL, opened.
    pub url: Secret,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its Kubernetes objects, for a target that has them.
    pub objects: Option<String>,
    /// How the deploy came back to it, if another server was attached until now.
    pub back: Option<Back>,
}

/// Where the URL of a deploy's own server came from, after another one had been attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// From the newest release that had it.
    FromLedger,
    /// There is no such release that can be opened here: it was made anew, with another password.
    Anew,
}

/// A deploy's log shipper: what it takes to start it.
#[derive(Debug)]
pub struct Shipper {
    /// Where the deploy runs.
    pub target: Target,
    /// Its table in the deploy's file.
    pub logging: Logging,
    /// Its Kubernetes objects.
    pub objects: String,
}

/// The log shipper of a deploy.
pub fn shipper(repo: &Repo, env: &EnvName) -> Result<Shipper> {
    let Deploy { target, logging, .. } = Deploy::read(repo, env)?;
    let refused = |why: &str| Error::refused(format!("shipping the logs of {env}"), why);
    if !target.is_cluster() {
        return Err(refused("its processes are of this machine, which keeps what they write")
            .next(format!("`cargo xtask logs --follow --raw --env {env}` can be piped to anywhere")));
    }
    let logging = logging.ok_or_else(|| {
        refused(&format!("k8s/envs/{env}.toml has no [logging]")).next(
            "add that table, with `to` (such as \"syslog://logs.example.com:514\") and `image` (see \
             k8s/logging/Dockerfile)",
        )
    })?;
    let objects = render::logging_objects(repo, env, &target, &logging)?;
    Ok(Shipper { target, logging, objects })
}

/// The backing services of a deploy.
pub fn list(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<Vec<Service>> {
    let Some(postgres) = deploy.services.postgres.clone() else { return Ok(Vec::new()) };
    let place = match SealedSecrets::read(repo, env)? {
        Some(secrets) if secrets.values.contains_key(&postgres.variable) => {
            let opened = secrets.open(&postgres.variable, Identity::at_hand(repo)?.as_ref());
            match opened {
                Ok(Some(url)) => Place::At(Endpoint::of(&postgres.variable, &url)?),
                _ => Place::Sealed,
            }
        }
        _ => Place::None,
    };
    let Postgres { variable, attached, .. } = postgres;
    Ok(vec![Service { name: "postgres", variable, attached, place }])
}

/// Refuses a deploy that no server can be attached to, before anybody is asked for a URL.
pub fn can_attach(repo: &Repo, env: &EnvName) -> Result<()> {
    postgres_of(env, &Deploy::read(repo, env)?).map(drop)
}

/// Points a deploy at any PostgreSQL server. Its next release carries it.
pub fn attach(repo: &Repo, env: &EnvName, url: &Secret) -> Result<(Target, Endpoint)> {
    let _lock = folder::lock(repo)?;
    let deploy = Deploy::read(repo, env)?;
    let variable = &postgres_of(env, &deploy)?.variable;
    let endpoint = Endpoint::of(variable, url)?;
    let mut secrets = recipients::read_or_new(repo, env, &deploy)?;
    secrets.insert(variable, url, Identity::at_hand(repo)?.as_ref())?;
    // The mark comes first: no release between the two may pass the other server off as the deploy's own.
    deploy_file::set_attached(repo, env, true)?;
    secrets.write(repo, env)?;
    Ok((deploy.target, endpoint))
}

/// The deploy's own PostgreSQL server. What is missing of it is made; a deploy to which another server is
/// attached comes back to its own. `record` is what the deploy has run.
pub fn own(repo: &Repo, env: &EnvName, record: &Record) -> Result<Own> {
    let (mut deploy, back) = come_back(repo, env, record)?;
    set_image(&mut deploy);
    let postgres = postgres_of(env, &deploy)?.clone();
    let secrets = provision::secrets(repo, env, &deploy)?;
    let identity = Identity::at_hand(repo)?;
    let url =
        secrets.map(|secrets| secrets.open(&postgres.variable, identity.as_ref())).transpose()?.flatten();
    let url = url.ok_or_else(|| {
        let why = format!("{} stands in the clear: it must be sealed", postgres.variable);
        Error::refused(starting(env), why).next(format!("remove it from k8s/envs/{env}.toml"))
    })?;
    let endpoint = Endpoint::of(&postgres.variable, &url)?;
    if !is_own(&endpoint, &postgres, &deploy.target) {
        let why = format!("{} names another server, {endpoint}", postgres.variable);
        return Err(Error::refused(starting(env), why).next(format!(
            "`cargo xtask services attach postgres --env {env}` marks it as attached; then this command goes back \
             to the deploy's own"
        )));
    }
    let objects =
        deploy.target.is_cluster().then(|| render::postgres_objects(repo, env, &deploy.target, &postgres));
    let objects = objects.transpose()?;
    Ok(Own { target: deploy.target, postgres, url, endpoint, objects, back })
}

/// Returns a deploy to which another server is attached to its own; what its file says then.
fn come_back(repo: &Repo, env: &EnvName, record: &Record) -> Result<(Deploy, Option<Back>)> {
    let _lock = folder::lock(repo)?;
    let mut deploy = Deploy::read(repo, env)?;
    let postgres = postgres_of(env, &deploy)?;
    if !postgres.attached {
        return Ok((deploy, None));
    }
    let mut secrets = recipients::read_or_new(repo, env, &deploy)?;
    let identity = Identity::at_hand(repo)?;
    let vouched = Vouched::of(repo, env, deploy.policy.clone(), record)?;
    let (url, back) = match released_url(&vouched, postgres, &deploy.target, identity.as_ref()) {
        Some(url) => (url, Back::FromLedger),
        None => (provision::url(repo.service()?, postgres, &deploy.target)?, Back::Anew),
    };
    secrets.insert(&postgres.variable, &url, identity.as_ref())?;
    // The mark goes last: the other server must not pass for the deploy's own, also after a kill right here.
    secrets.write(repo, env)?;
    deploy_file::set_attached(repo, env, false)?;
    deploy.services.postgres.iter_mut().for_each(|postgres| postgres.attached = false);
    Ok((deploy, Some(back)))
}

/// The URL of the deploy's own server in the newest release that had it: with that password its data were made.
fn released_url(
    vouched: &Vouched,
    postgres: &Postgres,
    target: &Target,
    identity: Option<&Identity>,
) -> Option<Secret> {
    vouched.chain().iter().rev().find_map(|entry| {
        // What no signer has signed is nobody's word for a password.
        let release = vouched.release(entry.link.id).ok()?.release;
        let then = release.services.own_postgres()?;
        // What was sealed to others is as good as lost here.
        let url = release.secrets.as_ref()?.open(&then.variable, identity).ok()??;
        let endpoint = Endpoint::of(&then.variable, &url).ok()?;
        is_own(&endpoint, postgres, target).then_some(url)
    })
}

/// Whether this is where `run` starts the deploy's own server.
fn is_own(endpoint: &Endpoint, postgres: &Postgres, target: &Target) -> bool {
    endpoint.host == provision::host(target) && endpoint.port == postgres.port
}

fn postgres_of<'a>(env: &EnvName, deploy: &'a Deploy) -> Result<&'a Postgres> {
    deploy.services.postgres.as_ref().ok_or_else(|| {
        let why = format!("k8s/envs/{env}.toml has no [services.postgres]");
        Error::refused(format!("looking for the backing service postgres of {env}"), why)
            .next("add that table, with the `variable` that gets the server's URL")
    })
}

fn starting(env: &EnvName) -> String {
    format!("starting the PostgreSQL server of {env}")
}
