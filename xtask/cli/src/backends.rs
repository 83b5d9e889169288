//! Turns a deploy's target into its backend: the one place that looks at which kind of target it is.

use std::path::Path;

use xtask_contract::{EnvName, Repo, Result, deploy::Target};
use xtask_local::Local;
use xtask_run::{Backend, Backends};

use crate::{clusters::Clusters, handover::hand_over, ui::Ui};

/// The backends that there are for this program.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Those for clusters, in the program that links them.
    clusters: Option<&'a dyn Clusters>,
    /// The folder of the project's package that both programs are of.
    package: &'a Path,
    ui: &'a Ui,
}

impl<'a> Known<'a> {
    pub(crate) fn new(package: &'a Path, clusters: Option<&'a dyn Clusters>, ui: &'a Ui) -> Self {
        Self { clusters, package, ui }
    }

    /// What it takes to touch a cluster. A program without that becomes the one that has it, and begins anew: so ask before
    /// anything is done.
    pub(crate) fn clusters(&self) -> Result<&'a dyn Clusters> {
        self.clusters.map_or_else(|| Err(hand_over(self.package, self.ui)), Ok)
    }
}

impl Backends for Known<'_> {
    fn of<'a>(
        &'a self,
        repo: &'a Repo,
        env: &'a EnvName,
        target: &'a Target,
    ) -> Result<Box<dyn Backend + 'a>> {
        Ok(match target {
            Target::Local {} => Box::new(Local { repo, env }),
            Target::Kind(target) => self.clusters()?.kind(repo, env, target),
            Target::Kubernetes(target) => self.clusters()?.kubernetes(env, target),
        })
    }
}
