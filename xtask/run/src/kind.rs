//! The target `kind`: a Kubernetes cluster in a container of this machine.

mod cluster;
mod creation;
mod down;
pub(crate) mod images;
pub(crate) mod logging;
pub(crate) mod nodes;
pub(crate) mod service;
mod settle;
mod verification;
mod volumes;

use std::net::Ipv4Addr;

use kube::Client;
use xtask_contract::{EnvName, Error, ReleaseId, Result};

use crate::{
    Job, Ran, http,
    kubernetes::{self, Hosting, Site},
    ports,
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

    async fn answers(&self, _: &Site<'_>, _: &str, path: &str, release: ReleaseId) {
        http::ready_as(self.place.port, path, &release.to_string()).await;
    }
}

/// Says what is missing or in the way before anything is built for it.
pub(crate) async fn preflight(place: &Place<'_>, engine: &impl Nodes) -> Result<()> {
    let nodes = engine.of_cluster(place.cluster).await;
    let up = nodes.as_ref().is_ok_and(|nodes| nodes.iter().any(|node| node.running));
    let hindrances = if up { Vec::new() } else { hindrances(place).await };
    let errors = nodes.err().into_iter().chain(hindrances).collect();
    Error::together(running(place), errors)
}

/// Refuses if there is something without which, or beside which, no cluster can be made.
async fn can_be_made(place: &Place<'_>) -> Result<()> {
    Error::together(running(place), hindrances(place).await)
}

fn running(place: &Place<'_>) -> String {
    format!("looking for what the kind cluster {} takes", place.cluster)
}

async fn hindrances(place: &Place<'_>) -> Vec<Error> {
    let port = ports::free((Ipv4Addr::LOCALHOST, place.port).into()).map_err(|error| {
        let next = format!(
            "`ss -ltnp 'sport = :{0}'` shows by whom (a local deploy: `cargo xtask down`); stop that, or set another \
             target.port",
            place.port
        );
        Error::refused(format!("opening port {} for the cluster", place.port), ports::why(&error)).next(next)
    });
    let [kind, docker] = cluster::tools().await;
    [kind, docker, port].into_iter().filter_map(Result::err).collect()
}

/// Refuses what could not run now. A cluster that is yet to be made or started has nothing against it.
pub(crate) async fn could_run(job: &Job<'_>, place: &Place<'_>, engine: &impl Nodes) -> Result<()> {
    let nodes = engine.of_cluster(place.cluster).await?;
    if nodes.is_empty() {
        return can_be_made(place).await;
    }
    if nodes.iter().any(|node| !node.running) {
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
    match kubernetes::run(job, place.site(&client, job.env), &here).await {
        Ok(ran) => Ok(ran),
        Err(error) => Err(verification::explained(error, &nodes, engine).await),
    }
}
