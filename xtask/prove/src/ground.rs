//! What is peculiar to the place that a deploy runs in: where it is reached, where its processes are seen, what manages them.

mod kind;
mod local;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::Value;
use xtask_contract::{Error, Result, deploy::Target, service::ProcessType};

use self::{kind::Kind, local::Local};
use crate::{http, node::Node, stage::free_port, system::Process};

/// A process of the deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// Its type: `web`.
    pub(crate) kind: String,
    /// `web.1`, or the name of its pod.
    pub(crate) name: String,
    pub(crate) process: Process,
}

impl Running {
    /// Whether it has written this line, one of those of `logs`.
    pub(crate) fn wrote(&self, line: &Value) -> bool {
        line["process"] == self.name.as_str() || line["instance"] == self.name.as_str()
    }
}

/// The place that a deploy runs in.
pub(crate) trait Ground {
    /// Where the service is reached.
    fn address(&self) -> SocketAddr;

    /// Its processes, by what `status` says.
    fn processes(&self, status: &Value) -> Result<Vec<Running>>;

    /// Whether what manages the deploy's processes has started this one, and sees when it ends.
    fn manages(&self, process: &Process, supervisor: Option<&Process>) -> bool;

    /// Whether this variable is told to each process by what manages it.
    fn tells(&self, variable: &str) -> bool;

    /// How soon a process that was killed is there again, at most, even if it was killed before.
    fn patience(&self) -> Duration;

    /// Whether it refuses connections in the place of processes of which none is ready.
    fn refuses(&self) -> bool;

    /// Why there can only be one process of this type, if that is so.
    fn is_single(&self, kind: &ProcessType) -> Option<&'static str>;

    /// What keeps a process of the image from being started beside it on this machine, if anything does.
    fn is_apart(&self) -> Option<&'static str>;

    /// The environment of its processes, as one needs it that is started beside it on this machine.
    fn here(&self, environment: BTreeMap<String, String>) -> BTreeMap<String, String>;

    /// A database server of the experiments' own was started: how it is reached.
    fn meets(&mut self, server: &str) -> Result<()>;

    /// The URL of that server's database, as the deploy's processes reach it.
    fn there(&self, server: &str, url: &str) -> String;

    /// The processes of that server; none, if they cannot be seen.
    fn server(&self, server: &str, url: &str) -> Result<Vec<Process>>;

    /// The arguments of a one-off process that lasts until it was looked at, where any other would have ended.
    fn lasts<'a>(&self, kind: &'a ProcessType) -> Option<&'a [String]>;

    /// That process, once it executes the image's program, by the call of the toolchain (whose program this is) that has
    /// started it; none, if it had ended before it was seen.
    fn finds(&self, call: &Process, toolchain: &Path) -> Result<Option<Process>>;

    /// What that process is then told, so that it comes to its end.
    fn lets_go(&self) -> Signal;
}

/// A place beside a deploy, for one of the experiments' own.
pub(crate) struct Beside {
    pub(crate) ground: Box<dyn Ground>,
    pub(crate) target: Target,
    /// The targets of its database servers.
    pub(crate) of_servers: Vec<Target>,
    /// The port that it is to listen at, where that is not as in its config.
    pub(crate) port: Option<u16>,
    /// Whether `run` stays as long as it runs.
    pub(crate) stays: bool,
}

/// A place beside a deploy with this target.
pub(crate) fn beside(target: &Target, servers: &[&str]) -> Result<Beside> {
    match target {
        Target::Local {} => {
            let port = free_port()?;
            let ground = Box::new(Local::at(port));
            let of_servers = servers.iter().map(|_| Target::Local {}).collect();
            Ok(Beside { ground, target: Target::Local {}, of_servers, port: Some(port), stays: true })
        }
        Target::Kind(kind) => {
            let (ground, target) = Kind::beside(kind, servers)?;
            let of_servers = servers.iter().map(|server| Target::Kind(Kind::of_server(&target, server)));
            let of_servers = of_servers.collect();
            Ok(Beside {
                ground: Box::new(ground),
                target: Target::Kind(target),
                of_servers,
                port: None,
                stays: false,
            })
        }
        Target::Kubernetes(_) => Err(unseen()),
    }
}

/// The place of a deploy that runs, with the address that `status` says.
pub(crate) fn of(target: &Target, url: Option<&str>) -> Result<Box<dyn Ground>> {
    let port = || {
        let port = url.and_then(|url| url.rsplit(':').next()?.trim_end_matches('/').parse().ok());
        port.ok_or_else(|| Error::failed("looking where the deploy serves", "it has no address"))
    };
    match target {
        Target::Local {} => Ok(Box::new(Local::at(port()?))),
        Target::Kind(kind) => {
            let ground = Kind::new(Node::of(&kind.cluster)?, kind.namespace.clone(), http::here(kind.port));
            Ok(Box::new(ground.in_use()))
        }
        Target::Kubernetes(_) => Err(unseen()),
    }
}

/// Why experiments are made on this machine alone.
pub(crate) fn unseen() -> Error {
    let why = "the processes of a cluster elsewhere are not seen from here";
    Error::refused("looking at the deploy's processes", why)
        .next("name a local deploy or one on kind with `--env`: all deploys run the same image")
}

/// The pods of `status`: each with its process type.
fn pods(status: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let types = status["processes"].as_array().into_iter().flatten();
    types.flat_map(|one| {
        let kind = one["name"].as_str().unwrap_or_default();
        one["pods"].as_array().into_iter().flatten().map(move |pod| (kind, pod))
    })
}
