//! What a pod would have of its node, beyond what Pod Security's baseline allows:
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>. A namespace can enforce it, but its labels are
//! a release's, too.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::ServiceName;

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];

const SELINUX_TYPES: [&str; 4] = ["container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// The fields, by their paths, that a pod made from this template may not have so. The service's account is the deploy's
/// own; any other one may have been given more.
pub(super) fn forbidden(template: &Value, service: Option<&ServiceName>) -> Vec<String> {
    let pod = &template["spec"];
    let mut found = Vec::new();
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        found.extend(is_set(&pod[field]).then(|| field.to_owned()));
    }
    for field in ["serviceAccountName", "serviceAccount"] {
        let account = text(&pod[field]);
        let is_own = ["", "default"].contains(&account) || service.is_some_and(|own| own.as_str() == account);
        found.extend((!is_own).then(|| format!("{field} {account}")));
    }
    if items(&pod["volumes"]).any(|volume| !volume["hostPath"].is_null()) {
        found.push("hostPath".to_owned());
    }
    let sysctls = items(&pod["securityContext"]["sysctls"]).map(|sysctl| text(&sysctl["name"]));
    found.extend(sysctls.filter(|name| !SYSCTLS.contains(name)).map(|name| format!("sysctls {name}")));
    found.extend(of_context(&pod["securityContext"]));
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        found.extend(items(&pod[list]).flat_map(of_container));
    }
    if template["metadata"]["annotations"].as_object().is_some_and(|all| all.iter().any(unconfined)) {
        found.push("an AppArmor profile that is unconfined".to_owned());
    }
    found
}

/// Whatever in an object, however deep, pods may be made from: all that has a `spec` with containers, or containers itself.
pub(super) fn templates(object: &Value) -> impl Iterator<Item = Cow<'_, Value>> {
    let mut found = Vec::new();
    let mut ahead = vec![object];
    while let Some(value) = ahead.pop() {
        let below: Vec<&Value> = match value {
            Value::Object(fields) => fields.values().collect(),
            Value::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        if has_containers(&value["spec"]) {
            found.push(Cow::Borrowed(value));
        }
        // Its own specification, where nothing around it is called that.
        found.extend(
            below.iter().filter(|it| has_containers(it)).map(|spec| Cow::Owned(json!({ "spec": spec }))),
        );
        ahead.extend(below);
    }
    found.into_iter()
}

fn has_containers(value: &Value) -> bool {
    ["containers", "initContainers", "ephemeralContainers"].iter().any(|list| value[*list].is_array())
}

fn of_container(container: &Value) -> Vec<String> {
    let context = &container["securityContext"];
    let mut found = of_context(context);
    found.extend(is_set(&context["privileged"]).then(|| "privileged".to_owned()));
    let added = items(&context["capabilities"]["add"]).map(text);
    found
        .extend(added.filter(|name| !CAPABILITIES.contains(name)).map(|name| format!("capabilities {name}")));
    let mount = text(&context["procMount"]);
    found.extend((!["", "Default"].contains(&mount)).then(|| format!("procMount {mount}")));
    let on_host = |port: &Value| port["hostPort"].as_u64() != Some(0) && !port["hostPort"].is_null();
    found.extend(items(&container["ports"]).any(on_host).then(|| "hostPort".to_owned()));
    found.into_iter().map(|field| format!("{field} (container {})", text(&container["name"]))).collect()
}

/// What a security context may not say, that of a pod or of a container.
fn of_context(context: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["seccompProfile", "appArmorProfile"] {
        found.extend((context[field]["type"] == "Unconfined").then(|| format!("{field} Unconfined")));
    }
    let selinux = &context["seLinuxOptions"];
    let typed = text(&selinux["type"]);
    let is_other = !typed.is_empty() && !SELINUX_TYPES.contains(&typed);
    let has = |field: &str| !text(&selinux[field]).is_empty();
    found.extend((is_other || has("user") || has("role")).then(|| "seLinuxOptions".to_owned()));
    found.extend(is_set(&context["windowsOptions"]["hostProcess"]).then(|| "hostProcess".to_owned()));
    found
}

fn unconfined((name, value): (&String, &Value)) -> bool {
    name.starts_with("container.apparmor.security.beta.kubernetes.io/") && value == "unconfined"
}

/// Whether a field is not as if it were not there.
fn is_set(value: &Value) -> bool {
    !value.is_null() && *value != Value::Bool(false)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_nothing_of_its_node() {
        let service: ServiceName = "greeter".parse().unwrap();
        let container =
            |context: Value| json!({ "initContainers": [{ "name": "c", "securityContext": context }] });
        for (pod, why) in [
            (json!({ "hostNetwork": true }), "hostNetwork"),
            (json!({ "hostPID": true }), "hostPID"),
            (json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] }), "hostPath"),
            (json!({ "serviceAccountName": "operator" }), "serviceAccountName operator"),
            (json!({ "serviceAccount": "operator" }), "serviceAccount operator"),
            (
                json!({ "securityContext": { "sysctls": [{ "name": "kernel.msgmax" }] } }),
                "sysctls kernel.msgmax",
            ),
            (
                json!({ "containers": [{ "name": "c", "ports": [{ "hostPort": 80 }] }] }),
                "hostPort (container c)",
            ),
            (container(json!({ "privileged": true })), "privileged (container c)"),
            (container(json!({ "procMount": "Unmasked" })), "procMount Unmasked (container c)"),
            (
                container(json!({ "capabilities": { "add": ["CHOWN", "SYS_ADMIN"] } })),
                "capabilities SYS_ADMIN (container c)",
            ),
            (
                container(json!({ "seccompProfile": { "type": "Unconfined" } })),
                "seccompProfile Unconfined (container c)",
            ),
            (container(json!({ "seLinuxOptions": { "type": "spc_t" } })), "seLinuxOptions (container c)"),
        ] {
            assert_eq!(forbidden(&json!({ "spec": pod }), Some(&service)), [why]);
        }
        let fine = json!({ "hostNetwork": false, "serviceAccountName": "greeter", "volumes": [{ "emptyDir": {} }],
            "containers": [{ "image": "sidecar", "securityContext": { "privileged": false, "runAsUser": 0 } }] });
        let fine = json!({ "spec": fine });
        assert!(forbidden(&fine, Some(&service)).is_empty());
        assert_eq!(forbidden(&fine, None), ["serviceAccountName greeter"]);
    }
}
