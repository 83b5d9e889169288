//! `cargo xtask releases set-aside`: releases that never ran leave the ledger.

use serde::Serialize;
use xtask_contract::{EnvName, Progress, Record, ReleaseId, Repo, Result};
use xtask_release::SetAside;

use crate::backends::Known;
use crate::{ui::Ui, verb::runtime};

#[derive(Serialize)]
struct Document<'a> {
    env: &'a EnvName,
    releases: &'a [ReleaseId],
    path: String,
}

pub(super) fn set_aside(
    repo: &Repo,
    env: &EnvName,
    id: ReleaseId,
    backends: &Known<'_>,
    ui: &Ui,
) -> Result<()> {
    ui.step(&format!("asking what {env} has run"));
    // Unlike a release that is made, this is not looked at again by `run`: so it must be known.
    let deploy_states = runtime()?.block_on(xtask_run::deploy_states(repo, env, id, backends))?;
    let told = deploy_states
        .into_iter()
        .map(|deploy_state| (Record::Known(deploy_state.last_deployed), deploy_state.running));
    let told: Vec<_> = told.collect();
    let SetAside { releases, folder } = xtask_release::set_aside(repo, env, id, &told)?;
    let ids: Vec<String> = releases.iter().map(ToString::to_string).collect();
    let path = repo.relative(&folder).display().to_string();
    let words = format!("set aside {} of {env}, to {path}", ids.join(", "));
    ui.result(&words, &Document { env, releases: &releases, path });
    Ok(())
}
