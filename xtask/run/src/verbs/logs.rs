//! Shows what a deploy's processes have written.

use xtask_contract::{EnvName, Repo, Result};

use super::deploy_state::place;
use crate::{
    Backends,
    logs::{Query, Sink},
};

/// Shows what a deploy's processes have written. Nothing is changed or started.
pub async fn logs(
    repo: &Repo,
    env: &EnvName,
    query: &Query,
    backends: &dyn Backends,
    sink: &mut dyn Sink,
) -> Result<()> {
    let (target, doubt) = place(repo, env)?;
    let backend = backends.of(repo, env, &target)?;
    if let Some(doubt) = doubt {
        sink.note(&format!("warning: {doubt}"));
    }
    backend.logs(query, sink).await
}
