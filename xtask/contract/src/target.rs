//! Where a deploy runs: `[target]` in its file.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{Namespace, Repository};

/// Where a deploy runs. What a kind of target means for a release is asked of it here; how a deploy is run there is a
/// backend's. Nothing else asks which kind it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// As processes of this machine.
    Local {},
    /// On a kind cluster of this machine, made by `run` if it is missing.
    Kind(KindTarget),
    /// On any Kubernetes cluster, with images from a registry.
    Kubernetes(KubernetesTarget),
}

/// A kind cluster of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindTarget {
    /// The cluster's name, as `kind get clusters` lists it.
    pub cluster: String,
    /// The namespace that holds all of the deploy's objects.
    pub namespace: String,
    /// The port of this machine, and of the cluster's node, at which the service answers.
    pub port: u16,
}

/// Any Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesTarget {
    /// The kubeconfig's context, as `kubectl config get-contexts` lists it.
    pub context: String,
    /// The namespace that holds all of the deploy's objects.
    pub namespace: Namespace,
    /// The repository that `run` pushes the image to and the cluster pulls it from.
    pub registry: Repository,
    /// The address at which the world finds the service, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The Secret in the namespace with which the cluster pulls the image, if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secret: Option<String>,
    /// Whether the registry is spoken to without TLS, as a test registry is: see [`plain_http_objection`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain_http: bool,
}

impl Target {
    /// Whether the deploy's release has Kubernetes objects.
    pub fn is_cluster(&self) -> bool {
        !matches!(self, Self::Local {})
    }

    /// The namespace that holds all of the deploy's objects, if it has any.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Local {} => None,
            Self::Kind(kind) => Some(&kind.namespace),
            Self::Kubernetes(cluster) => Some(cluster.namespace.as_str()),
        }
    }

    /// The port of the cluster's node at which the service answers, if it is to.
    pub fn node_port(&self) -> Option<u16> {
        match self {
            Self::Kind(kind) => Some(kind.port),
            Self::Local {} | Self::Kubernetes(_) => None,
        }
    }

    /// Where the images of a cluster come from, if it pulls them. Else `run` brings them to each node.
    pub fn registry(&self) -> Option<&KubernetesTarget> {
        match self {
            Self::Kubernetes(cluster) => Some(cluster),
            Self::Local {} | Self::Kind(_) => None,
        }
    }

    /// The address at which the service is found, if that is known; `port` is the one that it listens on.
    pub fn url(&self, port: Option<u16>) -> Option<String> {
        let here = |port| format!("http://localhost:{port}");
        match self {
            Self::Local {} => port.map(here),
            Self::Kind(kind) => Some(here(kind.port)),
            Self::Kubernetes(cluster) => cluster.url.clone(),
        }
    }

    /// The host at which a deploy's processes find a backing service of its own with this name.
    pub fn service_host(&self, name: &'static str) -> &'static str {
        if self.is_cluster() { name } else { "127.0.0.1" }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local {} => f.write_str("this machine"),
            Self::Kind(KindTarget { cluster, namespace, .. }) => {
                write!(f, "kind cluster {cluster}, namespace {namespace}")
            }
            Self::Kubernetes(KubernetesTarget { context, namespace, registry, .. }) => {
                write!(f, "cluster of the context {context}, namespace {namespace}, images from {registry}")
            }
        }
    }
}

/// Why this registry may not be spoken to without TLS: images and passwords would cross the open network. This
/// machine, private addresses and names that are kept for tests are let through.
pub fn plain_http_objection(registry: &Repository) -> Option<String> {
    let host = registry.host();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    (!may_lack_tls(name)).then(|| {
        format!("{host} is spoken to with TLS only, being neither this machine nor a private address")
    })
}

/// Whether a host, named without its port, is this machine or a private one.
pub fn may_lack_tls(name: &str) -> bool {
    match name.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => name.rsplit('.').next().is_some_and(|last| ["localhost", "test"].contains(&last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_private_places_do_without_tls() {
        let objection = |host: &str| plain_http_objection(&format!("{host}/greeter").parse().unwrap());
        for good in ["localhost:5000", "127.0.0.1:5000", "10.1.2.3", "172.18.0.1:5000", "registry.test"] {
            assert_eq!(objection(good), None);
        }
        for bad in ["registry.example.com", "8.8.8.8:5000", "localhost.example.com", "172.32.0.1"] {
            assert!(objection(bad).unwrap().contains(bad), "{bad}");
        }
        assert!(may_lack_tls("[::1]") && may_lack_tls("[fd12::1]") && !may_lack_tls("[2001:db8::1]"));
    }
}
