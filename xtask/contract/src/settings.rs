//! How a cluster is to treat a deploy's processes: `[processes.TYPE]`, `[network]` and `[ingress]` in its file.
//! A release carries all of it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;

/// How long a process must have run before it counts as up, in seconds, where nobody can be asked whether it is.
pub const UP_BY_RUNNING: u8 = 3;

/// How a cluster is to treat the processes of one type. What is not said here is as in k8s/objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The label of nodes over whose values the processes are spread, such as `kubernetes.io/hostname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
    /// What each process is sure to get; by it a node is found for it.
    #[serde(skip_serializing_if = "Amounts::is_empty")]
    pub requests: Amounts,
    /// What none may take more of.
    #[serde(skip_serializing_if = "Amounts::is_empty")]
    pub limits: Amounts,
    /// How many there are, by the load. Without it, `scale` alone decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// How many the cluster's administrators may stop at a time, such as to drain a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disruption: Option<Disruption>,
}

impl Settings {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Processor time and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Amounts {
    /// Processors: `2`, or `50m` for 50 thousandths of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Bytes: `256Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

impl Amounts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How many processes there are, by the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    /// At least so many.
    pub min: NonZeroU32,
    /// At most so many.
    pub max: NonZeroU32,
    /// The part of the requested processor time that they are kept at, in percent.
    pub cpu: NonZeroU32,
}

/// How many processes the cluster's administrators may stop at a time; one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disruption {
    /// As long as so many stay.
    MinAvailable(u32),
    /// So many.
    MaxUnavailable(NonZeroU32),
}

/// What the network lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Whether only what is needed is let through: requests to the ports of process types, questions to name
    /// servers, the deploy's own database, and `egress`.
    pub isolate: bool,
    /// What else the processes may connect to: a database that is not the deploy's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Egress>,
}

impl Network {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the processes may connect to, by TCP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// The port.
    pub port: u16,
    /// The addresses, such as `10.20.0.0/16`; any if none are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The name under which the world reaches the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingress {
    /// The host's name.
    pub host: String,
    /// The class of ingress controller, if it is not the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The Secret with the certificate, if there is to be TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_secret: Option<String>,
}
