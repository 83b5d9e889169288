//! `cargo xtask` with all backends: the same command line, which becomes this program when a deploy on a cluster is
//! touched. A local deploy needs none of what it links.

mod engine;

use std::process::ExitCode;

use async_trait::async_trait;
use engine::Engine;
use xtask_cli::Clusters;
use xtask_contract::{
    Digest, EnvName, Layout, Progress, Repo, Repository, Result,
    deploy::{KindTarget, KubernetesTarget},
};
use xtask_kubernetes::{
    Cluster, Kind, Remote, load_into_node,
    registry::{self, Registry},
};
use xtask_run::{Backend, Pushed};

/// Runs the command line of this process with all backends. `package` is the folder of the project's `xtask` package, as
/// `env!("CARGO_MANIFEST_DIR")` says it.
pub fn run(package: &str) -> ExitCode {
    xtask_cli::run(package, Some(&All))
}

/// Kind clusters on the Docker Engine of this machine, and any other cluster.
#[derive(Debug, Clone, Copy)]
pub struct All;

#[async_trait(?Send)]
impl Clusters for All {
    fn kind<'a>(&'a self, repo: &'a Repo, env: &'a EnvName, target: &'a KindTarget) -> Box<dyn Backend + 'a> {
        Box::new(Cluster::new(env, Kind::new(repo, target, &Engine)))
    }

    fn kubernetes<'a>(&'a self, env: &'a EnvName, target: &'a KubernetesTarget) -> Box<dyn Backend + 'a> {
        Box::new(Cluster::new(env, Remote::new(target)))
    }

    async fn push(
        &self,
        layout: &Layout,
        image: &Digest,
        (repository, plain_http): (&Repository, bool),
        progress: &dyn Progress,
    ) -> Result<Pushed> {
        registry::push(layout, image, &Registry::of(repository, plain_http)?, progress).await
    }

    async fn load_into_node(
        &self,
        layout: &Layout,
        image: &Digest,
        node: &str,
        progress: &dyn Progress,
    ) -> Result<()> {
        load_into_node(layout, image, node, &Engine, progress).await
    }
}
