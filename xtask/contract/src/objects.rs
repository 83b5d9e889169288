//! The Kubernetes objects that a deploy may have: `release` renders no others, and `run` applies no others, whatever a
//! release holds. The right to write to a ledger is no right to rule the cluster.

mod pod;

use std::iter::once;

use serde_json::Value;

use crate::{ObjectKind, ServiceName, kubernetes_name::is_dns_name, logging::Logging};

/// The names of the `ConfigMaps` in which `run` keeps what a deploy has run. They are `run`'s own.
pub const RECORDS: [&str; 4] = ["release-witness", "release-history", "failed-releases", "schema-reached"];

/// The kinds of a release's objects, by group.
pub const OF_RELEASES: [(&str, &str); 12] = [
    ("", "Namespace"),
    ("", "ServiceAccount"),
    ("", "ConfigMap"),
    ("", "Service"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
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

/// The label that keeps a namespace's pods to a Pod Security profile.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// What tells which object this is.
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
    /// Kinds that the deploy's rules allow beside these.
    further: Vec<ObjectKind>,
    namespaces: Vec<String>,
    /// The service, whose account pods may have, if it is known.
    service: Option<ServiceName>,
    /// Whether what they hold comes from a ledger.
    of_release: bool,
}

impl Allowed {
    /// The objects of a service's release, which are all in the deploy's namespace; `further` are the kinds that the
    /// deploy's rules allow beside the usual ones.
    pub fn in_release(namespace: &str, service: Option<&ServiceName>, further: &[ObjectKind]) -> Self {
        let (namespaces, service) = (vec![namespace.to_owned()], service.cloned());
        Self { kinds: &OF_RELEASES, further: further.to_vec(), namespaces, service, of_release: true }
    }

    /// The objects of a deploy's log shipper: in a namespace of its own, but for what lets it ask about the deploy's.
    pub fn in_shipper(namespace: &str) -> Self {
        let namespaces = once(namespace.to_owned()).chain(once(Logging::namespace(namespace)));
        let namespaces = namespaces.collect();
        Self { kinds: &OF_SHIPPERS, further: Vec::new(), namespaces, service: None, of_release: false }
    }

    /// Why this object, whole, may not be applied, if it may not.
    pub fn objection_to(&self, object: &Value) -> Option<String> {
        let text = |path| object.pointer(path).and_then(Value::as_str);
        let [version, kind, name] =
            ["/apiVersion", "/kind", "/metadata/name"].map(|path| text(path).unwrap_or_default());
        let namespace = text("/metadata/namespace");
        let placed = self.objection(&Object { version, kind, name, namespace });
        placed.or_else(|| {
            let found =
                if self.of_release { forbidden(kind, object, self.service.as_ref()) } else { Vec::new() };
            let called = format!("{}/{name}", kind.to_lowercase());
            (!found.is_empty())
                .then(|| format!("{called} has what a release may not hold: {}", found.join(", ")))
        })
    }

    /// Why there may be no object of this kind and name in this place, if there may not.
    pub fn objection(&self, object: &Object<'_>) -> Option<String> {
        let Object { version, kind, name, namespace } = *object;
        let called = format!("{}/{name}", kind.to_lowercase());
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let is_further = || self.further.iter().any(|own| (own.group(), own.kind()) == (group, kind));
        if !self.kinds.contains(&(group, kind)) && !is_further() {
            let version = if version.is_empty() { "no version" } else { version };
            return Some(format!("{called} is of a kind that it may not hold ({version})"));
        }
        if name.is_empty() {
            return Some(format!("a {kind} has no name"));
        }
        // It becomes a part of a URL.
        if !is_dns_name(name) {
            return Some(format!("{called} has a name that Kubernetes does not allow"));
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

/// What of an object's content would give it more than the deploy's namespace.
fn forbidden(kind: &str, object: &Value, service: Option<&ServiceName>) -> Vec<String> {
    let is_empty = |list: &Value| list.is_null() || list.as_array().is_some_and(Vec::is_empty);
    let mut found = pod::forbidden(&object["spec"]["template"], service);
    for told in pod::templates(object).flat_map(|template| pod::forbidden(&template, service)) {
        if !found.contains(&told) {
            found.push(told);
        }
    }
    for field in ["ownerReferences", "finalizers"] {
        found.extend((!is_empty(&object["metadata"][field])).then(|| field.to_owned()));
    }
    if kind == "Service" && !is_empty(&object["spec"]["externalIPs"]) {
        found.push("externalIPs".to_owned());
    }
    if let ("Namespace", Some(level)) = (kind, object["metadata"]["labels"][ENFORCE].as_str())
        && !["baseline", "restricted"].contains(&level)
    {
        found.push(format!("{ENFORCE} {level}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_of_a_release_has_no_more_than_the_deploys_namespace() {
        let (release, shipper) = (Allowed::in_release("todo", None, &[]), Allowed::in_shipper("todo"));
        let object = |version: &str, kind: &str, more: Value| {
            let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "todo", "namespace": "todo" } });
            for (at, value) in more.as_object().unwrap() {
                object.pointer_mut(at).map_or_else(|| panic!("{at}"), |place| *place = value.clone());
            }
            object
        };
        let spec = |version: &str, kind: &str, spec: Value| {
            let mut object = object(version, kind, json!({}));
            object["spec"] = spec;
            object
        };
        let metadata = |more: Value| object("v1", "Namespace", json!({ "/metadata": more }));
        let pods = json!({ "template": { "spec": { "hostPID": true } } });
        for (object, why) in [
            (
                spec("apps/v1", "Deployment", pods.clone()),
                "deployment/todo has what a release may not hold: hostPID",
            ),
            (spec("batch/v1", "Job", pods.clone()), "hostPID"),
            (spec("v1", "Service", json!({ "externalIPs": ["10.0.0.1"] })), "externalIPs"),
            (metadata(json!({ "name": "todo", "labels": { ENFORCE: "privileged" } })), "enforce privileged"),
            (metadata(json!({ "name": "todo", "finalizers": ["a/b"] })), "finalizers"),
            (metadata(json!({ "name": "todo", "ownerReferences": [{ "name": "x" }] })), "ownerReferences"),
        ] {
            let told = release.objection_to(&object).unwrap_or_default();
            assert!(told.ends_with(why), "{object}: {told}");
        }
        let fine = metadata(json!({ "name": "todo", "labels": { ENFORCE: "baseline" }, "finalizers": [] }));
        assert_eq!(release.objection_to(&fine), None);
        assert_eq!(
            shipper.objection_to(&spec("apps/v1", "DaemonSet", pods)),
            None,
            "it comes from no ledger"
        );
    }

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
        let allowed = Allowed::in_release("todo", None, &[]);
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
            ("v1", "ConfigMap", "../../kube-system/configmaps/coredns", "todo", "Kubernetes does not allow"),
            ("v1", "ConfigMap", "x?force=true", "todo", "Kubernetes does not allow"),
            ("v1", "ConfigMap", "release-witness", "todo", "configmap/release-witness is where `run` keeps"),
            ("v1", "Namespace", "kube-system", "todo", "namespace/kube-system is not the deploy's"),
        ] {
            let told = objection(&allowed, version, kind, name, namespace).unwrap_or_default();
            assert!(told.contains(why), "{kind} {name}: {told}");
        }
    }

    #[test]
    fn a_deploys_rules_may_allow_further_kinds_of_its_namespace_and_no_other_pods() {
        let monitor = "monitoring.coreos.com/v1/ServiceMonitor".parse().unwrap();
        let allowed = Allowed::in_release("todo", None, &[monitor, "v1/Pod".parse().unwrap()]);
        let version = "monitoring.coreos.com/v1";
        assert_eq!(objection(&allowed, version, "ServiceMonitor", "x", "todo"), None);
        assert!(objection(&allowed, version, "ServiceMonitor", "x", "other").is_some());
        assert!(objection(&allowed, version, "PodMonitor", "x", "todo").is_some());
        let object = |version: &str, kind: &str, spec: Value| {
            let metadata = json!({ "name": "x", "namespace": "todo" });
            allowed.objection_to(
                &json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec }),
            )
        };
        let pod = |privileged: bool| json!({ "containers": [{ "name": "c", "securityContext": { "privileged": privileged } }] });
        for privileged in [false, true] {
            let job = json!({ "jobTemplate": { "spec": { "template": { "spec": pod(privileged) } } } });
            for told in [
                object("batch/v1", "CronJob", job),
                object("v1", "Pod", pod(privileged)),
                object(version, "ServiceMonitor", json!({ "some": [{ "pod": pod(privileged) }] })),
            ] {
                assert_eq!(told.is_some_and(|told| told.ends_with("privileged (container c)")), privileged);
            }
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
