//! The kinds of objects that the server knows, and how a path names one of them.

use serde_json::{Value, json};

/// A kind of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// `apps/v1`
    pub(crate) version: &'static str,
    /// `Deployment`
    pub(crate) name: &'static str,
    /// `deployments`
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
}

/// All of them, as a current cluster has them.
pub(super) const KINDS: [Kind; 18] = [
    of_cluster("v1", "Namespace", "namespaces"),
    of("v1", "ConfigMap", "configmaps"),
    of("v1", "Event", "events"),
    of("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    of("v1", "Pod", "pods"),
    of("v1", "Secret", "secrets"),
    of("v1", "Service", "services"),
    of("v1", "ServiceAccount", "serviceaccounts"),
    of("apps/v1", "DaemonSet", "daemonsets"),
    of("apps/v1", "Deployment", "deployments"),
    of("apps/v1", "StatefulSet", "statefulsets"),
    of_cluster("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    of("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    of("batch/v1", "Job", "jobs"),
    of("coordination.k8s.io/v1", "Lease", "leases"),
    of("networking.k8s.io/v1", "Ingress", "ingresses"),
    of("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    of("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
];

const fn of(version: &'static str, name: &'static str, plural: &'static str) -> Kind {
    Kind { version, name, plural, namespaced: true }
}

const fn of_cluster(version: &'static str, name: &'static str, plural: &'static str) -> Kind {
    Kind { version, name, plural, namespaced: false }
}

impl Kind {
    /// `apps`; nothing for the oldest kinds.
    pub(super) fn group(&self) -> Option<&'static str> {
        self.version.rsplit_once('/').map(|(group, _)| group)
    }

    /// `deployments.apps`
    pub(super) fn full_plural(&self) -> String {
        self.group().map_or_else(|| self.plural.to_owned(), |group| format!("{}.{group}", self.plural))
    }
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/version`
    Version,
    /// `/apis/apps/v1`
    Resources(String),
    /// One object, or all of a kind.
    Objects { kind: Kind, namespace: String, name: Option<String>, below: Vec<String> },
    /// No kind of a group that the server knows.
    NoKind,
    /// Nothing that the server knows.
    Nothing,
}

impl Route {
    pub(super) fn of(path: &str, kinds: &[Kind]) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (version, rest) = match parts.as_slice() {
            ["version"] => return Self::Version,
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return Self::Nothing,
        };
        let (namespace, rest) = match rest {
            [] => return Self::Resources(version),
            ["namespaces", namespace, plural, rest @ ..] => (*namespace, [&[*plural], rest].concat()),
            rest => ("", rest.to_vec()),
        };
        let Some(kind) = kinds.iter().find(|kind| kind.version == version && kind.plural == rest[0]) else {
            let is_known = |kind: &Kind| kind.group() == version.rsplit_once('/').map(|(group, _)| group);
            return if kinds.iter().any(is_known) { Self::NoKind } else { Self::Nothing };
        };
        let name = rest.get(1).map(|name| (*name).to_owned());
        let below = rest.iter().skip(2).map(|part| (*part).to_owned()).collect();
        Self::Objects { kind: *kind, namespace: namespace.to_owned(), name, below }
    }
}

/// The list of the kinds of one version; none, if there are none.
pub(super) fn resources(version: &str, kinds: &[Kind]) -> Option<Value> {
    let of_version = kinds.iter().filter(|kind| kind.version == version);
    let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let resource = |kind: &Kind| {
        json!({
            "name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.name, "verbs": verbs,
        })
    };
    let resources: Vec<Value> = of_version.map(resource).collect();
    let list = || {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources,
        })
    };
    (!resources.is_empty()).then(list)
}
