//! What would keep a release from running here: looked at before one is made, or before one is run.

use xtask_contract::{Deploy, EnvName, Error, Repo, Result};
use xtask_run::Job;

use crate::{client, environment::own_url, listening::ListenAddress, lock, postgres_home, service};

/// Says what is missing or in the way before anything is built for it.
pub(crate) async fn preflight(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<()> {
    let own = deploy.services.own_postgres();
    let mut checks = vec![own.map_or(Ok(()), |_| postgres_home::newest_programs().map(drop))];
    // One that is up has its ports already, and opens others itself; one that is on its way out is waited for.
    if client::state(repo, env).await?.is_none() && !lock::is_held(repo, env) {
        checks.extend(ListenAddress::expected(repo, deploy).iter().map(|at| at.check_free(env)));
        checks.extend(own.map(|own| service::check_port(repo, env, own.port)));
    }
    let errors = checks.into_iter().filter_map(Result::err).collect();
    Error::together(format!("looking for what {env} takes"), errors)
}

/// Refuses what could not run now.
pub(crate) async fn could_run(job: &Job<'_>) -> Result<()> {
    job.check_history(lock::last_deployed(job.repo, job.env)?.as_ref())?;
    if client::state(job.repo, job.env).await?.is_some() {
        return Ok(()); // it has its ports already, and opens others itself
    }
    let release = &job.verified.release;
    let service = job.layout.description(&release.image.digest)?;
    let started = release.processes.iter().filter(|(_, process)| process.count > 0);
    for (kind, port) in started.filter_map(|(kind, process)| Some((kind, process.port?))) {
        ListenAddress::of(&service, kind, port, &release.config).check_free(job.env)?;
    }
    let Some(url) = own_url(job)? else { return Ok(()) };
    service::check_port(job.repo, job.env, url.port)
}
