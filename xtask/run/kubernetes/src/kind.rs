//! A Kubernetes cluster in a container of this machine, which `kind` makes.

mod cluster;
mod creation;
mod ending;
pub(crate) mod images;
pub(crate) mod nodes;
mod notice;
mod settle;
mod verification;
mod volumes;

use std::{cell::RefCell, net::Ipv4Addr, time::Duration};

use kube::Client;
use xtask_contract::{Digest, EnvName, Error, Progress, Repo, Result, deploy::KindTarget};
use xtask_run::{Gone, Job, http, ports};

use crate::{
    host::{Ending, Host},
    site::Site,
};
use cluster::Cluster;
use images::Lacking;
use nodes::{Node, Nodes};

/// The kind cluster of a deploy.
pub struct Kind<'a, N> {
    repo: &'a Repo,
    target: &'a KindTarget,
    engine: &'a N,
    /// The names of its nodes, once it is known to run.
    nodes: RefCell<Vec<String>>,
    /// What was asked, and how long its client waits for an answer.
    asked: RefCell<Option<(Duration, Cluster)>>,
}

impl<'a, N: Nodes> Kind<'a, N> {
    /// The cluster that a target names, on nodes of this engine.
    pub fn new(repo: &'a Repo, target: &'a KindTarget, engine: &'a N) -> Self {
        Self { repo, target, engine, nodes: RefCell::default(), asked: RefCell::default() }
    }

    fn names(&self) -> Vec<String> {
        self.nodes.borrow().clone()
    }
}

impl<N: Nodes> Host for Kind<'_, N> {
    fn namespace(&self) -> &str {
        &self.target.namespace
    }

    fn place(&self) -> String {
        format!("the kind cluster {}", self.target.cluster)
    }

    fn is_of_this_machine(&self) -> bool {
        true
    }

    async fn preflight(&self) -> Result<()> {
        let nodes = self.engine.of_cluster(&self.target.cluster).await;
        let up = nodes.as_ref().is_ok_and(|nodes| nodes.iter().any(|node| node.running));
        let hindrances = if up { Vec::new() } else { hindrances(self.target).await };
        let errors = nodes.err().into_iter().chain(hindrances).collect();
        Error::together(looking(self.target), errors)
    }

    async fn is_stopped(&self) -> Result<bool> {
        // Where it was never talked to, there need be no engine either.
        Ok(cluster::was_talked_to(self.repo, self.target)
            && is_stopped(&self.engine.of_cluster(&self.target.cluster).await?))
    }

    async fn at_hand(&self, silence: Duration) -> Result<Option<Client>> {
        if !cluster::was_talked_to(self.repo, self.target) {
            return Ok(None);
        }
        let nodes = self.engine.of_cluster(&self.target.cluster).await?;
        if is_stopped(&nodes) {
            let why = "it is stopped, and nothing of the deploy runs";
            return Err(Error::refused(format!("asking {}", self.place()), why)
                .next("`cargo xtask run` with the deploy's `--env` starts it"));
        }
        if nodes.is_empty() {
            return Ok(None);
        }
        let client = cluster::open_at_hand(self.repo, self.target, silence).await?;
        let nodes = nodes.into_iter().map(|node| node.name).collect();
        self.asked.replace(Some((silence, Cluster { client: client.clone(), nodes })));
        Ok(Some(client))
    }

    async fn runs(&self) -> Result<Option<Client>> {
        let nodes = self.engine.of_cluster(&self.target.cluster).await?;
        if nodes.is_empty() || is_stopped(&nodes) {
            return Ok(None);
        }
        cluster::client(self.repo, self.target).await.map(Some)
    }

    async fn exists(&self) -> Result<bool> {
        Ok(!self.engine.of_cluster(&self.target.cluster).await?.is_empty())
    }

    async fn if_it_runs(&self) -> Result<Option<Client>> {
        if self.exists().await? { self.runs().await } else { can_be_made(self.target).await.map(|()| None) }
    }

    async fn ready(&self, silence: Duration, progress: &dyn Progress) -> Result<Client> {
        // A connection that is open need not be made again.
        let fits = |waits| waits == silence && !cluster::is_unfinished(self.repo, self.target);
        let Cluster { client, nodes } = match self.asked.take() {
            Some((waits, asked)) if fits(waits) && asked.client.apiserver_version().await.is_ok() => asked,
            _ => Cluster::ready(self.repo, self.target, self.engine, silence, progress).await?,
        };
        self.nodes.replace(nodes);
        Ok(client)
    }

    type Absent = Vec<Lacking>;

    async fn absent_images(&self, job: &Job<'_>) -> Result<Vec<Lacking>> {
        images::lacking(job, &self.names(), self.engine).await
    }

    async fn bring_images(&self, site: &Site<'_>, job: &Job<'_>, absent: &Vec<Lacking>) -> Result<()> {
        let names = async {
            settle::names_resolve(site.client).await;
            Ok(())
        };
        tokio::try_join!(images::bring(job, absent, self.engine), names).map(drop)
    }

    async fn show_notice(&self, notice: &str) -> Result<()> {
        notice::show(notice, &self.target.namespace, &self.names(), self.engine).await
    }

    async fn forget_image(&self, image: &Digest) {
        images::forget(image, &self.names(), self.engine).await;
    }

    async fn bring_service(&self, image: Option<&str>, progress: &dyn Progress) -> Result<()> {
        images::bring_service(image, &self.names(), self.engine, progress).await
    }

    async fn prepare_volume(&self, site: &Site<'_>, service: &str) -> Result<()> {
        volumes::own(site, service, &self.names(), self.engine).await
    }

    async fn answers(&self, _: &Site<'_>, _: &str, path: &str, mark: &str, _: &dyn Progress) {
        http::ready_as(self.target.port, path, mark).await;
    }

    async fn explained(&self, error: Error) -> Error {
        verification::explained(error, &self.names(), self.engine).await
    }

    async fn ending(&self, client: &Client, data: bool) -> Result<Ending> {
        let others = ending::others(client, self.target).await?;
        Ok(match (others.is_empty(), data) {
            (false, _) => Ending::Beside(others),
            (true, false) => Ending::Stop,
            (true, true) => Ending::Delete,
        })
    }

    async fn end(&self, ending: &Ending, progress: &dyn Progress) -> Result<()> {
        match ending {
            Ending::None | Ending::Beside(_) => Ok(()),
            Ending::Stop => ending::stop(self.target, self.engine, progress).await,
            Ending::Delete => ending::delete(self.repo, self.target, progress).await,
        }
    }

    async fn end_stopped(&self, data: bool, progress: &dyn Progress) -> Result<Gone> {
        let nodes = self.engine.of_cluster(&self.target.cluster).await?;
        let running = nodes.iter().any(|node| node.running);
        if data && !nodes.is_empty() {
            ending::delete(self.repo, self.target, progress).await?;
        } else if running {
            ending::stop(self.target, self.engine, progress).await?;
        }
        Ok(Gone { stopped: running, data: data && !nodes.is_empty(), left: Vec::new() })
    }

    async fn losses(&self, env: &EnvName) -> Result<Vec<String>> {
        ending::losses(self.repo, env, self.target, self.engine).await
    }
}

/// Whether a cluster with these nodes is there and does not run.
fn is_stopped(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| !node.running)
}

/// Refuses if there is something without which, or beside which, no cluster can be made.
async fn can_be_made(target: &KindTarget) -> Result<()> {
    Error::together(looking(target), hindrances(target).await)
}

fn looking(target: &KindTarget) -> String {
    format!("looking for what the kind cluster {} takes", target.cluster)
}

async fn hindrances(target: &KindTarget) -> Vec<Error> {
    let port = ports::free((Ipv4Addr::LOCALHOST, target.port).into()).map_err(|error| {
        let next = format!(
            "`ss -ltnp 'sport = :{0}'` shows by whom (a local deploy: `cargo xtask down`); stop that, or set another \
             target.port",
            target.port
        );
        Error::refused(format!("opening port {} for the cluster", target.port), ports::why(&error)).next(next)
    });
    let [kind, docker] = cluster::tools().await;
    [kind, docker, port].into_iter().filter_map(Result::err).collect()
}
