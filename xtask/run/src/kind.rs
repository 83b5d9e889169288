//! The target `kind`: a Kubernetes cluster in a container of this machine.

mod cluster;
mod creation;
mod down;
pub(crate) mod images;
pub(crate) mod logging;
pub(crate) mod nodes;
pub(crate) mod service;
mod settle;
mod volumes;

use kube::Client;
use xtask_contract::{EnvName, ReleaseId, Result};

use crate::{
    Job, Ran, http,
    kubernetes::{self, Hosting, Site},
};
use cluster::Cluster;
pub(crate) use cluster::client_at_hand;
pub(crate) use down::{down, losses};
use nodes::Nodes;

/// Where on which cluster a deploy is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) port: u16,
}

impl Place<'_> {
    pub(crate) fn site<'a>(&'a self, client: &'a Client, env: &'a EnvName) -> Site<'a> {
        Site { client, env, namespace: self.namespace }
    }
}

/// A kind cluster as [`kubernetes`] needs it.
struct Here<'a, E> {
    place: &'a Place<'a>,
    nodes: &'a [String],
    engine: &'a E,
}

impl<E: Nodes> Hosting for Here<'_, E> {
    async fn bring_images(&self, site: &Site<'_>, job: &Job<'_>) -> Result<()> {
        let names = async {
            settle::names_resolve(site.client).await;
            Ok(())
        };
        tokio::try_join!(images::bring(job, self.nodes, self.engine), names).map(drop)
    }

    async fn prepare_volume(&self, site: &Site<'_>, service: &str) -> Result<()> {
        volumes::own(site, service, self.nodes, self.engine).await
    }

    fn url(&self) -> Option<String> {
        Some(format!("http://localhost:{}", self.place.port))
    }

    async fn answers(&self, _: &Site<'_>, _: &str, path: &str, release: ReleaseId) {
        http::ready_as(self.place.port, path, &release.to_string()).await;
    }
}

/// Says what is missing before anything is built for it.
pub(crate) async fn preflight(cluster: &str, engine: &impl Nodes) -> Result<()> {
    engine.of_cluster(cluster).await?;
    cluster::kind(&["version"], None).await.map(drop)
}

/// Refuses what could not run now. A cluster that is yet to be made or started has nothing against it.
pub(crate) async fn could_run(job: &Job<'_>, place: &Place<'_>, engine: &impl Nodes) -> Result<()> {
    let nodes = engine.of_cluster(place.cluster).await?;
    if nodes.is_empty() || nodes.iter().any(|node| !node.running) {
        return Ok(());
    }
    let client = cluster::client(job.repo, place).await?;
    kubernetes::could_run(job, &place.site(&client, job.env)).await
}

/// Brings the deploy to the release.
pub(crate) async fn run(job: &Job<'_>, place: &Place<'_>, engine: &impl Nodes) -> Result<Ran> {
    let silence = job.options.timing.silence;
    let Cluster { client, nodes } = Cluster::ready(job.repo, place, engine, silence, job.progress).await?;
    let here = Here { place, nodes: &nodes, engine };
    kubernetes::run(job, place.site(&client, job.env), &here).await
}
