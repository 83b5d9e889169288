//! Fields of an object that were set by hand. Kubernetes notes for each field who has set it last
//! (`metadata.managedFields`).

use kube::{ResourceExt, api::DynamicObject};
use serde_json::Value;

use super::{apply, scale};

/// Who changes objects as part of running them.
const MACHINERY: [&str; 6] = [
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-apiserver",
    "cloud-controller-manager",
    "kube-proxy",
];

/// What others than this toolchain and the cluster itself have set, a line each:
/// `.spec.paused was set by kubectl-edit, 2011-04-06T20:32:17Z`.
pub(crate) fn by_hand(object: &DynamicObject) -> Vec<String> {
    let mut found = Vec::new();
    for entry in object.managed_fields() {
        let manager = entry.manager.as_deref().unwrap_or("somebody");
        let ours = [apply::MANAGER, scale::MANAGER].contains(&manager);
        if ours || MACHINERY.contains(&manager) || entry.subresource.as_deref() == Some("status") {
            continue;
        }
        let when = entry.time.as_ref().map_or_else(String::new, |time| format!(", {}", time.0));
        let fields = entry.fields_v1.as_ref().map_or(&Value::Null, |fields| &fields.0);
        found.extend(
            leaves(fields)
                .into_iter()
                .filter(|field| is_of_the_release(field))
                .map(|field| format!("{field} was set by {manager}{when}")),
        );
    }
    found
}

/// The number of processes belongs to whoever scales, and the status to the cluster.
fn is_of_the_release(field: &str) -> bool {
    field != ".spec.replicas"
        && !field.starts_with(".status")
        && !field.starts_with(".metadata.managedFields")
}

/// The paths of the fields in a set: `f:spec` is a field, `k:{"name":"web"}` an item of a list by its key,
/// `v:"x"` by its value, and `.` the parent itself (structured-merge-diff's `FieldsV1`).
fn leaves(fields: &Value) -> Vec<String> {
    let Value::Object(parts) = fields else { return vec![String::new()] };
    let mut found = Vec::new();
    for (key, below) in parts {
        let step = match key.split_once(':') {
            Some(("f", name)) => format!(".{name}"),
            Some(("k", keys)) => format!("[{}]", item(keys)),
            Some((_, value)) => format!("[={value}]"),
            None => continue,
        };
        let is_leaf = below.as_object().is_none_or(|below| below.keys().all(|key| key == "."));
        if is_leaf {
            found.push(step);
        } else {
            found.extend(leaves(below).into_iter().map(|rest| format!("{step}{rest}")));
        }
    }
    found
}

fn item(keys: &str) -> String {
    let Ok(Value::Object(keys)) = serde_json::from_str(keys) else { return keys.to_owned() };
    keys.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn managed(manager: &str, fields: &Value) -> Value {
        json!({ "manager": manager, "operation": "Update", "time": "2011-04-06T20:32:17Z", "fieldsV1": fields })
    }

    fn drift(entries: &[Value]) -> Vec<String> {
        let object =
            json!({ "apiVersion": "v1", "kind": "x", "metadata": { "name": "x", "managedFields": entries } });
        by_hand(&from_value(object).unwrap())
    }

    #[test]
    fn what_was_set_by_hand_is_named_with_who_and_when() {
        let image = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": { "k:{\"name\":\"web\"}": {
            ".": {}, "f:image": {},
        } } } } } });
        let told = drift(&[managed("kubectl-edit", &image)]);
        let field = r#".spec.template.spec.containers[name="web"].image"#;
        assert_eq!(told, [format!("{field} was set by kubectl-edit, 2011-04-06T20:32:17Z")]);
    }

    #[test]
    fn what_the_toolchain_the_cluster_or_a_scaler_sets_is_no_drift() {
        let any = json!({ "f:spec": { "f:paused": {} } });
        let replicas = json!({ "f:spec": { "f:replicas": {} } });
        let status = json!({ "f:status": { "f:replicas": {} } });
        let entries = [
            managed("xtask", &any),
            managed("kube-controller-manager", &any),
            managed("kubectl-scale", &replicas),
            managed("somebody", &status),
        ];
        assert_eq!(drift(&entries), [""; 0]);
    }
}
