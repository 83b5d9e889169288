//! What would keep a release from running here: looked at before one is made, or before one is run.

use std::net::SocketAddr;

use xtask_contract::{Deploy, EnvName, Error, Repo, Result};
use xtask_run::{Job, ports};

use crate::{client, environment::own_url, formation, lock, postgres_home, service};

/// Says what is missing or in the way before anything is built for it.
pub(crate) async fn preflight(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<()> {
    let own = deploy.services.own_postgres();
    let mut checks = vec![own.map_or(Ok(()), |_| postgres_home::newest_programs().map(drop))];
    // One that is up has its ports already, and opens others itself; one that is on its way out is waited for.
    if client::state(repo, env).await?.is_none() && !lock::is_held(repo, env) {
        checks.extend(address(deploy).map(|address| {
            ports::free(address).map_err(|error| formation::cannot_listen(env, address, &error))
        }));
        checks.extend(own.map(|own| service::check_port(repo, env, own.port)));
    }
    let errors = checks.into_iter().filter_map(Result::err).collect();
    Error::together(format!("looking for what {env} takes"), errors)
}

/// Where the service is to listen. Which variables are ports is known only once there is an image; this one is so by
/// convention.
pub(crate) fn address(deploy: &Deploy) -> Option<SocketAddr> {
    let config = deploy.config.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect();
    let port = deploy.config.get("PORT")?.0.parse().ok()?;
    Some(SocketAddr::new(formation::address(&config), port))
}

/// Refuses what could not run now.
pub(crate) async fn could_run(job: &Job<'_>) -> Result<()> {
    job.check_history(lock::witness(job.repo, job.env)?.as_ref())?;
    if client::state(job.repo, job.env).await?.is_some() {
        return Ok(()); // it has its ports already, and opens others itself
    }
    let release = &job.verified.release;
    let started = release.processes.values().filter(|process| process.count > 0);
    for port in started.filter_map(|process| process.port) {
        let address = SocketAddr::new(formation::address(&release.config), port);
        ports::free(address).map_err(|error| formation::cannot_listen(job.env, address, &error))?;
    }
    let Some(url) = own_url(job)? else { return Ok(()) };
    service::check_port(job.repo, job.env, url.port)
}
