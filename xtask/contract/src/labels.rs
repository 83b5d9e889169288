//! The marks by which a deploy's Kubernetes objects are found.

use std::{collections::BTreeMap, fmt};

use crate::{EnvName, ServiceName};

/// The annotation with the ID of the release that an object or a pod belongs to. (A label cannot hold its colons.)
pub const RELEASE: &str = "twelve-factor.dev/release";

/// The annotation of pods that were made anew without a new release, with when that was.
pub const RESTARTED: &str = "twelve-factor.dev/restarted";

/// The annotation of objects whose kind a cluster may lack: then the deploy runs without them.
pub const OPTIONAL: &str = "twelve-factor.dev/optional";

/// The annotation of a pod that says which of its containers runs the deploy's program (kubectl's own). Others may be
/// put beside it, before or behind it.
pub const OWN_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The label that says which [`Part`] of the deploy an object is.
pub const PART: &str = "twelve-factor.dev/part";

/// The label that tells a deploy's workloads, and their pods, from one another: a process type, or a service.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// The label with the service that an object or a pod is of.
pub const NAME: &str = "app.kubernetes.io/name";

/// The label with the deploy that an object or a pod belongs to.
pub const DEPLOY: &str = "app.kubernetes.io/instance";

/// The label with the tool that an object was made by.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The selector of all objects that this toolchain has made, for any deploy.
pub const OURS: &str = "app.kubernetes.io/managed-by=xtask";

/// What an object is to its deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What everything else stands on: the namespace, and the account that the pods run under.
    Namespace,
    /// A release's config or secrets, named by their content.
    Config,
    /// A backing service of the deploy's own.
    Service,
    /// The Job that brings the database to the schema that the release needs.
    Migration,
    /// The processes, and what is for them.
    Process,
    /// A one-off process, which no release has.
    Admin,
    /// The log shipper, which no release has either.
    Logging,
}

impl Part {
    /// All parts, those of a release in the order of application.
    pub const ALL: [Self; 7] = [
        Self::Namespace,
        Self::Config,
        Self::Service,
        Self::Migration,
        Self::Process,
        Self::Admin,
        Self::Logging,
    ];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Config => "config",
            Self::Service => "service",
            Self::Migration => "migration",
            Self::Process => "process",
            Self::Admin => "admin",
            Self::Logging => "logging",
        }
    }

    /// The part that a label's value names.
    pub fn of(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == value)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The labels of all of a deploy's objects and pods, as Kubernetes recommends them. All are found by those that name the
/// deploy; which service they are of is on those that are made from a release, or for one.
pub fn of(env: &EnvName, service: Option<&ServiceName>) -> BTreeMap<&'static str, String> {
    let mut labels = BTreeMap::from([(DEPLOY, env.to_string()), (MANAGED_BY, "xtask".to_owned())]);
    labels.extend(service.map(|service| (NAME, service.to_string())));
    labels
}

/// The labels by which a deploy's pods are selected, beside their [`COMPONENT`]: all of them bear these.
pub fn of_pods(env: &EnvName, service: &ServiceName) -> [(&'static str, String); 2] {
    [(NAME, service.to_string()), (DEPLOY, env.to_string())]
}

/// The labels of an object that is this part of a deploy. (Pods have none of a part: what they are is a component.)
pub fn of_part(env: &EnvName, service: Option<&ServiceName>, part: Part) -> BTreeMap<&'static str, String> {
    let mut labels = of(env, service);
    labels.insert(PART, part.to_string());
    labels
}
