//! What the command line can do with clusters: the interface of the program that links all backends.

use async_trait::async_trait;
use xtask_contract::{
    Digest, EnvName, Layout, Progress, Repo, Repository, Result,
    deploy::{KindTarget, KubernetesTarget},
};
use xtask_run::{Backend, Pushed};

/// The backends for clusters, and what else takes their clients.
#[async_trait(?Send)]
pub trait Clusters {
    /// The backend for a kind cluster.
    fn kind<'a>(&'a self, repo: &'a Repo, env: &'a EnvName, target: &'a KindTarget) -> Box<dyn Backend + 'a>;

    /// The backend for any other cluster, likewise.
    fn kubernetes<'a>(&'a self, env: &'a EnvName, target: &'a KubernetesTarget) -> Box<dyn Backend + 'a>;

    /// Brings an image of the layout, and the documents about it, to a repository of a registry; whether that is spoken to
    /// without TLS.
    async fn push(
        &self,
        layout: &Layout,
        image: &Digest,
        repository: (&Repository, bool),
        progress: &dyn Progress,
    ) -> Result<Pushed>;

    /// Brings an image of the layout to a node of a kind cluster, unless it has got it.
    async fn load_into_node(
        &self,
        layout: &Layout,
        image: &Digest,
        node: &str,
        progress: &dyn Progress,
    ) -> Result<()>;
}
