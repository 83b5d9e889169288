//! A deploy on a kind cluster: its nodes are containers of this machine, on which its processes are seen.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::Path,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use xtask_contract::{
    Error, Result,
    deploy::KindTarget,
    service::{ProcessType, RELEASE_ID},
};

use super::{Ground, Running, pods};
use crate::{machine::Machine, node::Node, relay, system::Process};

/// What a node's container runtime and its kubelet tell each container.
const TOLD: [&str; 3] = ["HOME", "HOSTNAME", "PATH"];
const TOLD_OF_THE_CLUSTER: &str = "KUBERNETES_";

/// The ports that a cluster's nodes may open, but for the first hundred, which deploys' files name.
const PORTS: RangeInclusive<u16> = 30100..=32767;

/// The Service by which this machine reaches a database server of the experiments' own.
const OUTSIDE: &str = "outside";

/// What the names of one-off processes' pods begin with.
const ONE_OFF: &str = "admin-";

pub(crate) struct Kind {
    nodes: Vec<Node>,
    namespace: String,
    address: SocketAddr,
    /// Of each database server, how the deploy's processes reach it, and how this machine does.
    servers: Vec<(String, String)>,
    is_in_use: bool,
}

impl Kind {
    /// A deploy in this namespace that serves at this address.
    pub(crate) fn new(nodes: Vec<Node>, namespace: String, address: SocketAddr) -> Self {
        Self { nodes, namespace, address, servers: Vec::new(), is_in_use: false }
    }

    /// The same, in use by others: nothing of it is made reachable from elsewhere.
    pub(crate) fn in_use(self) -> Self {
        Self { is_in_use: true, ..self }
    }

    /// A place beside another deploy on its cluster, and the target of a deploy there.
    pub(crate) fn beside(other: &KindTarget, servers: &[&str]) -> Result<(Self, KindTarget)> {
        let nodes = Node::of(&other.cluster)?;
        let first = nodes.first().ok_or_else(|| {
            let why = format!("the kind cluster {} does not run", other.cluster);
            Error::refused("looking for a place beside the deploy", why)
                .next("start the deploy with `cargo xtask up --env ENV`, and run the same command again")
        })?;
        let used =
            first.kubectl(&["get", "services", "--all-namespaces", "--output=jsonpath={..nodePort}"], "")?;
        let used: Vec<u16> = used.split_whitespace().filter_map(|port| port.parse().ok()).collect();
        let host = first.address()?;
        // `run` looks for the service at this machine's port.
        let is_led = |port: &u16| relay::lead(*port, (host, *port).into());
        let port = PORTS.filter(|port| !used.contains(port)).find(is_led);
        let port = port.ok_or_else(|| Error::failed("looking for a free port", "all are taken"))?;
        let namespace = format!("{}-prove", other.namespace);
        // One that was killed has left its own.
        let left = servers.iter().map(|server| format!("{namespace}-{server}"));
        let left: Vec<String> = left.chain([namespace.clone()]).collect();
        let delete = ["delete", "namespace", "--ignore-not-found"].into_iter();
        first.kubectl(&delete.chain(left.iter().map(String::as_str)).collect::<Vec<_>>(), "")?;
        let target = KindTarget { cluster: other.cluster.clone(), namespace: namespace.clone(), port };
        Ok((Self::new(nodes, namespace, (host, port).into()), target))
    }

    /// The target of a database server's own deploy.
    pub(crate) fn of_server(target: &KindTarget, server: &str) -> KindTarget {
        KindTarget { namespace: format!("{}-{server}", target.namespace), ..target.clone() }
    }

    fn node(&self) -> Result<&Node> {
        self.nodes
            .first()
            .ok_or_else(|| Error::failed("looking for the cluster's node", "it has none that runs"))
    }

    /// The processes of a namespace's pods, by the pods' names.
    fn seen(&self, namespace: &str) -> Result<BTreeMap<String, Process>> {
        let pods = self.node()?.pods(namespace)?;
        let mut seen = BTreeMap::new();
        for node in &self.nodes {
            let of = |(pod, id)| (pod, Process::of(Machine::Node(node.clone()), id));
            seen.extend(node.processes(&pods)?.into_iter().map(of));
        }
        Ok(seen)
    }

    fn of(&self, server: &str) -> String {
        format!("{}-{server}", self.namespace)
    }
}

impl Ground for Kind {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn processes(&self, status: &Value) -> Result<Vec<Running>> {
        let mut seen = self.seen(&self.namespace)?;
        let running = |(kind, pod): (&str, &Value)| {
            let name = pod["name"].as_str()?.to_owned();
            let process = seen.remove(&name).filter(|_| pod["ending"] != true)?;
            Some(Running { kind: kind.to_owned(), name, process })
        };
        Ok(pods(status).filter_map(running).collect())
    }

    /// The kubelet hears from a container when the process ends that it was made for.
    fn manages(&self, process: &Process, _: Option<&Process>) -> bool {
        process.is_first_of_its_container()
    }

    fn tells(&self, variable: &str) -> bool {
        TOLD.contains(&variable) || variable.starts_with(TOLD_OF_THE_CLUSTER)
    }

    /// A kubelet waits 10 s before it starts a container for the third time, then 20, and so on.
    fn patience(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn refuses(&self) -> bool {
        true
    }

    fn is_single(&self, _: &ProcessType) -> Option<&'static str> {
        None
    }

    fn is_apart(&self) -> Option<&'static str> {
        self.is_in_use.then_some(
            "A process beside it on this machine would not reach its backing services: without `--live` that is shown.",
        )
    }

    fn here(&self, environment: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let from_here = |value: String| {
            self.servers.iter().fold(value, |value, (there, here)| value.replace(there.as_str(), here))
        };
        environment.into_iter().map(|(name, value)| (name, from_here(value))).collect()
    }

    fn meets(&mut self, server: &str) -> Result<()> {
        let (node, namespace) = (self.node()?, self.of(server));
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": OUTSIDE, "namespace": namespace },
            "spec": {
                "type": "NodePort",
                "selector": { "app.kubernetes.io/component": "postgres" },
                "ports": [{ "port": 5432 }],
            },
        });
        node.kubectl(&["apply", "--filename=-"], &service.to_string())?;
        let port = ["get", "service", OUTSIDE, "--namespace", &namespace, "--output=jsonpath={..nodePort}"];
        let port = node.kubectl(&port, "")?;
        let host: IpAddr = node.address()?;
        self.servers.push((format!("{}:5432", host_of(&namespace)), format!("{host}:{port}")));
        Ok(())
    }

    fn there(&self, server: &str, url: &str) -> String {
        url.replace("@postgres:", &format!("@{}:", host_of(&self.of(server))))
    }

    fn server(&self, server: &str, _: &str) -> Result<Vec<Process>> {
        let first = self.seen(&self.of(server))?.into_iter().find(|(pod, _)| pod.starts_with("postgres-"));
        let first = first.into_iter().map(|(_, process)| process);
        Ok(first.flat_map(|first| [first.clone()].into_iter().chain(first.children())).collect())
    }

    /// In a pod of its own the port is free that the others listen at.
    fn lasts<'a>(&self, kind: &'a ProcessType) -> Option<&'a [String]> {
        Some(&kind.args)
    }

    fn finds(&self, call: &Process, _: &Path) -> Result<Option<Process>> {
        while call.is_alive() {
            let pod = self.seen(&self.namespace)?.into_iter().find(|(pod, _)| pod.starts_with(ONE_OFF));
            if let Some((_, process)) = pod.filter(|(_, process)| is_of_the_image(process)) {
                return Ok(Some(process));
            }
        }
        Ok(None)
    }

    fn lets_go(&self) -> Signal {
        Signal::TERM
    }
}

/// Whether a container's process has become what its pod names.
fn is_of_the_image(process: &Process) -> bool {
    process.environment().is_ok_and(|environment| environment.contains_key(RELEASE_ID))
}

/// The name of a database server within the cluster.
fn host_of(namespace: &str) -> String {
    format!("postgres.{namespace}.svc.cluster.local")
}
