//! One file per verb.

pub(crate) mod admin;
#[cfg(feature = "checks")]
pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod manual;
pub(crate) mod promote;
pub(crate) mod prove;
pub(crate) mod push;
pub(crate) mod release;
pub(crate) mod releases;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod scale;
pub(crate) mod services;
pub(crate) mod setup;
pub(crate) mod status;
#[cfg(feature = "checks")]
pub(crate) mod test;
pub(crate) mod up;

use tokio::runtime::{Builder, Runtime};
use xtask_contract::{Context, Digest, EnvName, Policy, Progress, Record, Repo, Result};

use crate::backends::Known;
use crate::ui::Ui;

/// The runtime for what waits on sockets and processes. One thread: children ask the system for a signal at
/// the death of the thread that started them, so that thread must be the main one.
pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().doing(|| "starting up")
}

/// What a deploy has run. Only it can tell, so the command line asks it and hands that to the stage that decides.
fn record(repo: &Repo, env: &EnvName, backends: &Known<'_>, ui: &Ui) -> Result<Record> {
    Ok(match runtime()?.block_on(xtask_run::deploy_state(repo, env, backends)) {
        Ok(deploy_state) => Record::Known(deploy_state.last_deployed),
        Err(error) => {
            ui.note(&format!(
                "what {env} has run is not known here, and `run` will not go without it: {error}"
            ));
            Record::Unknown
        }
    })
}

/// The images that have run in the deploys which this one's policy promotes from. Only they can tell, so the
/// command line asks them and hands it to the stage that decides.
fn promoted_digests(repo: &Repo, policy: &Policy, backends: &Known<'_>) -> Result<Vec<Digest>> {
    let mut images = Vec::new();
    for from in &policy.promote_from {
        let deploy_state = runtime()?.block_on(xtask_run::deploy_state(repo, from, backends))?;
        images.extend(deploy_state.last_deployed.into_iter().flat_map(|last_deployed| last_deployed.images));
    }
    Ok(images)
}
