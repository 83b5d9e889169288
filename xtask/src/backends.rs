//! Turns a deploy's target into its backend: the one place that looks at which kind of target it is.

use xtask_contract::{EnvName, Repo, Result, deploy::Target};
use xtask_kubernetes::{Cluster, Kind, Remote};
use xtask_local::Local;
use xtask_run::{Backend, Backends};

use crate::engine::Engine;

/// All backends that there are.
pub(crate) struct All;

impl Backends for All {
    fn of<'a>(
        &'a self,
        repo: &'a Repo,
        env: &'a EnvName,
        target: &'a Target,
    ) -> Result<Box<dyn Backend + 'a>> {
        Ok(match target {
            Target::Local {} => Box::new(Local { repo, env }),
            Target::Kind(target) => Box::new(Cluster::new(env, Kind::new(repo, target, &Engine))),
            Target::Kubernetes(target) => Box::new(Cluster::new(env, Remote::new(target))),
        })
    }
}
