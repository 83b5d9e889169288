//! What a release gives to each of its processes.

use std::collections::BTreeMap;

use xtask_contract::{
    Result,
    service::{DEV_NOTICE, RELEASE_ID},
};
use xtask_run::{Job, PostgresUrl};

use crate::{lock, notice};

/// The whole environment of a process: the release's config, secrets and ID, and nothing of this
/// machine's; a quick build's also learns where there is what its pages are to show.
pub(crate) fn environment(job: &Job<'_>) -> BTreeMap<String, String> {
    let release = &job.verified.release;
    let secrets = job.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let id = (RELEASE_ID.to_owned(), job.verified.mark());
    let notice = notice::path(&lock::folder(job.repo, job.env)).display().to_string();
    let notice = job.verified.is_quick().then(|| (DEV_NOTICE.to_owned(), notice));
    release.config.clone().into_iter().chain(secrets).chain([id]).chain(notice).collect()
}

/// The URL of the deploy's own server, if the release has it run one.
pub(crate) fn own_url(job: &Job<'_>) -> Result<Option<PostgresUrl>> {
    let Some(postgres) = job.verified.release.services.own_postgres() else { return Ok(None) };
    let Some(value) = job.secrets.get(&postgres.variable) else { return Ok(None) };
    let url = PostgresUrl::parse(&postgres.variable, value)?;
    // A URL that points elsewhere is somebody else's server, attached to this deploy.
    Ok(Some(url).filter(|url| url.host == "127.0.0.1" && url.port == postgres.port))
}
