//! The Kubernetes objects that a deploy may have: `release` renders no others, and `run` applies no others, whatever a
//! release holds. Who can write to a ledger is not thereby to rule the cluster.

use std::iter::once;

use crate::logging::Logging;

/// The names of the `ConfigMaps` in which `run` keeps what a deploy has run. They are `run`'s own.
pub const RECORDS: [&str; 3] = ["release-witness", "release-history", "failed-releases"];

/// The kinds of a release's objects, by group.
pub const OF_RELEASES: [(&str, &str); 11] = [
    ("", "Namespace"),
    ("", "ServiceAccount"),
    ("", "ConfigMap"),
    ("", "Service"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("policy", "PodDisruptionBudget"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "NetworkPolicy"),
];

/// The kinds of a log shipper's objects, which no release has.
const OF_SHIPPERS: [(&str, &str); 6] = [
    ("", "Namespace"),
    ("", "ServiceAccount"),
    ("", "ConfigMap"),
    ("apps", "DaemonSet"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
];

/// What is looked at of an object.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// `apps/v1`.
    pub version: &'a str,
    /// `Deployment`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The namespace that it says it is in.
    pub namespace: Option<&'a str>,
}

/// Which objects there may be.
#[derive(Debug, Clone)]
pub struct Allowed {
    kinds: &'static [(&'static str, &'static str)],
    namespaces: Vec<String>,
}

impl Allowed {
    /// The objects of a release, which are all in the deploy's namespace.
    pub fn in_release(namespace: &str) -> Self {
        Self { kinds: &OF_RELEASES, namespaces: vec![namespace.to_owned()] }
    }

    /// The objects of a deploy's log shipper: in a namespace of its own, but for what lets it ask about the deploy's.
    pub fn in_shipper(namespace: &str) -> Self {
        let namespaces = once(namespace.to_owned()).chain(once(Logging::namespace(namespace)));
        Self { kinds: &OF_SHIPPERS, namespaces: namespaces.collect() }
    }

    /// Why there may be no such object, if there may not.
    pub fn objection(&self, object: &Object<'_>) -> Option<String> {
        let Object { version, kind, name, namespace } = *object;
        let called = format!("{}/{name}", kind.to_lowercase());
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        if !self.kinds.contains(&(group, kind)) {
            let version = if version.is_empty() { "no version" } else { version };
            return Some(format!("{called} is of a kind that it may not hold ({version})"));
        }
        if name.is_empty() {
            return Some(format!("a {kind} has no name"));
        }
        if kind == "ConfigMap" && RECORDS.contains(&name) {
            return Some(format!("{called} is where `run` keeps what the deploy has run"));
        }
        let place = if kind == "Namespace" { Some(name) } else { namespace };
        if place.is_some_and(|place| self.namespaces.iter().any(|own| own == place)) {
            return None;
        }
        let own = self.namespaces.join(" or ");
        Some(match (kind, namespace) {
            ("Namespace", _) => format!("{called} is not the deploy's, which is {own}"),
            (_, Some(other)) => format!("{called} is in the namespace {other}, not in the deploy's, {own}"),
            (_, None) => format!("{called} does not say that it is in the deploy's namespace, {own}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objection(
        allowed: &Allowed,
        version: &str,
        kind: &str,
        name: &str,
        namespace: &str,
    ) -> Option<String> {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        allowed.objection(&Object { version, kind, name, namespace })
    }

    #[test]
    fn a_release_has_objects_of_the_deploys_namespace_and_of_known_kinds_alone() {
        let allowed = Allowed::in_release("todo");
        for (version, kind, namespace) in [
            ("v1", "Namespace", ""),
            ("apps/v1", "Deployment", "todo"),
            ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "todo"),
        ] {
            assert_eq!(objection(&allowed, version, kind, "todo", namespace), None, "{kind}");
        }
        for (version, kind, name, namespace, why) in [
            (
                "rbac.authorization.k8s.io/v1",
                "ClusterRoleBinding",
                "x",
                "",
                "clusterrolebinding/x is of a kind",
            ),
            ("rbac.authorization.k8s.io/v1", "RoleBinding", "x", "todo", "rolebinding/x is of a kind"),
            ("evil.example/v1", "Deployment", "x", "todo", "(evil.example/v1)"),
            ("v1", "List", "x", "todo", "list/x is of a kind"),
            ("", "", "x", "todo", "(no version)"),
            ("v1", "ConfigMap", "x", "kube-system", "configmap/x is in the namespace kube-system"),
            ("v1", "ConfigMap", "x", "", "configmap/x does not say"),
            ("v1", "ConfigMap", "x", "todo-logging", "not in the deploy's, todo"),
            ("v1", "ConfigMap", "", "todo", "has no name"),
            ("v1", "ConfigMap", "release-witness", "todo", "configmap/release-witness is where `run` keeps"),
            ("v1", "Namespace", "kube-system", "todo", "namespace/kube-system is not the deploy's"),
        ] {
            let told = objection(&allowed, version, kind, name, namespace).unwrap_or_default();
            assert!(told.contains(why), "{kind} {name}: {told}");
        }
    }

    #[test]
    fn a_log_shipper_has_two_namespaces_and_nothing_of_the_clusters() {
        let allowed = Allowed::in_shipper("todo");
        let role = "rbac.authorization.k8s.io/v1";
        assert_eq!(objection(&allowed, "apps/v1", "DaemonSet", "logging", "todo-logging"), None);
        assert_eq!(objection(&allowed, role, "Role", "logging", "todo"), None);
        assert!(objection(&allowed, role, "ClusterRole", "logging", "").is_some());
        assert!(objection(&allowed, role, "Role", "logging", "kube-system").is_some());
    }
}
