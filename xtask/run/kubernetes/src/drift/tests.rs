//! What is concluded of objects as a cluster (Kubernetes 1.20) has kept them, after others had to do with them.

use serde_json::{Value, from_value, json};

use super::*;

/// The Deployment as the release has it.
fn wanted() -> Value {
    serde_saphyr::from_str(include_str!("recorded/wanted.yaml")).unwrap()
}

/// `kubectl set env` with `LOG_LEVEL=debug` and `RELEASE_ID-`, `patch` there and back, `rollout restart`, `annotate`,
/// `scale`, and a JSON patch that takes the readiness probe away and adds a command and a port.
fn touched() -> Value {
    serde_json::from_str(include_str!("recorded/touched.json")).unwrap()
}

fn found(wanted: Value, before: Option<Value>, live: Value) -> Vec<Finding> {
    let object = |value: Value| from_value::<DynamicObject>(value).unwrap();
    findings(&object(wanted), before.map(object).as_ref(), &object(live))
}

fn drift(wanted: Value, live: Value) -> Vec<String> {
    found(wanted, None, live).iter().filter(|one| one.is_drift()).map(ToString::to_string).collect()
}

const CONTAINER: &str = r#".spec.template.spec.containers[name="web"]"#;

#[test]
fn whatever_overrides_the_release_is_named_with_who_and_when_and_what_it_lacks() {
    let at = "2011-04-06T20:40:00Z";
    let expected = [
        format!(r#"{CONTAINER}.env[name="LOG_LEVEL"] was added by kubectl-set, {at}"#),
        format!("{CONTAINER}.command was added by kubectl-patch, {at}"),
        format!(r#"{CONTAINER}.ports[containerPort=9,protocol="UDP"] was added by kubectl-patch, {at}"#),
        format!(r#"{CONTAINER}.env[name="RELEASE_ID"] was removed"#),
        format!("{CONTAINER}.readinessProbe was removed"),
    ];
    assert_eq!(drift(wanted(), touched()), expected);
}

#[test]
fn a_value_that_was_set_by_somebody_else_and_is_the_release_s_is_no_drift() {
    let set_back = || serde_json::from_str::<Value>(include_str!("recorded/set-back.json")).unwrap();
    let field = ".spec.template.spec.terminationGracePeriodSeconds";
    let mut other = wanted();
    other["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(31);
    let how = |wanted: Value, before: Option<Value>| {
        let found = found(wanted, before, set_back());
        found.into_iter().find(|one| one.field == field).map(|one| one.how)
    };
    assert_eq!(how(wanted(), None), Some(How::Agrees));
    // A release that changes it meets nobody who has meant another value.
    assert_eq!(how(other.clone(), Some(wanted())), Some(How::Agrees));
    assert_eq!(how(other.clone(), None), Some(How::Changed));
    assert_eq!(how(other.clone(), Some(other)), Some(How::Changed));
}

#[test]
fn what_the_release_no_longer_has_goes_also_where_somebody_else_owns_it_too() {
    let mut before = wanted();
    let added = json!({ "name": "LOG_LEVEL", "value": "debug" });
    before["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().unwrap().push(added);
    let found = found(wanted(), Some(before.clone()), touched());
    let how = |end: &str| found.iter().find(|one| one.field.ends_with(end)).map(|one| one.how);
    assert_eq!((how(r#".env[name="LOG_LEVEL"]"#), how(".command")), (Some(How::LeftOver), Some(How::Added)));
    assert!(!drift(before, touched()).iter().any(|one| one.contains("LOG_LEVEL")));
}

#[test]
fn what_is_taken_out_is_taken_out_from_behind() {
    let found = found(wanted(), None, touched());
    let added: Vec<&Finding> = found.iter().filter(|one| one.how == How::Added).collect();
    let paths: Vec<Value> = removals(&added).into_iter().map(|step| step["path"].clone()).collect();
    let container = "/spec/template/spec/containers/0";
    let expected =
        [format!("{container}/ports/1"), format!("{container}/env/0"), format!("{container}/command")];
    assert_eq!(paths, expected);
    let many: Vec<Finding> = ["2", "10", "a/b~c"]
        .iter()
        .map(|part| Finding { pointer: vec!["x".into(), (*part).into()], ..added[0].clone() })
        .collect();
    let paths: Vec<Value> =
        removals(&many.iter().collect::<Vec<_>>()).into_iter().map(|step| step["path"].clone()).collect();
    assert_eq!(paths, ["/x/10", "/x/2", "/x/a~1b~0c"]);
}

/// An object of which these managers own these fields.
fn owned(mut object: Value, entries: &[(&str, Value)]) -> Value {
    let entry = |(manager, fields): &(&str, Value)| json!({ "manager": manager, "operation": "Update", "fieldsV1": fields });
    object["metadata"]["managedFields"] = entries.iter().map(entry).collect();
    object
}

#[test]
fn what_the_toolchain_the_cluster_or_a_scaler_sets_is_no_drift() {
    let paused = json!({ "f:spec": { "f:paused": {} } });
    let entries = [
        ("xtask", paused.clone()),
        ("kube-controller-manager", paused),
        ("kubectl-scale", json!({ "f:spec": { "f:replicas": {} } })),
        ("somebody", json!({ "f:status": { "f:replicas": {} } })),
    ];
    let mut live = wanted();
    live["spec"]["replicas"] = json!(3);
    live["spec"]["paused"] = json!(true);
    live["status"] = json!({ "replicas": 3 });
    assert_eq!(drift(wanted(), owned(live, &entries)), [""; 0]);
}

#[test]
fn an_amount_in_the_cluster_s_own_form_is_the_same_amount_and_a_text_is_not() {
    let resources = json!({ "limits": { "memory": "0.5Gi", "cpu": 1 } });
    let object = |resources: Value, text: &str| {
        let container = json!({ "name": "web", "resources": resources,
            "env": [{ "name": "SHARE", "value": text }] });
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "template": { "spec": { "containers": [container] } } } })
    };
    let own = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": { r#"k:{"name":"web"}"#: {
        "f:resources": { "f:limits": { "f:memory": {}, "f:cpu": {} } },
        "f:env": { r#"k:{"name":"SHARE"}"#: { "f:value": {} } },
    } } } } } });
    let live = object(json!({ "limits": { "memory": "512Mi", "cpu": "1" } }), "1000m");
    let told = drift(object(resources, "1"), owned(live, &[("somebody", own)]));
    assert_eq!(told, [format!(r#"{CONTAINER}.env[name="SHARE"].value was set by somebody"#)]);
}

#[test]
fn a_config_map_that_was_made_again_under_its_name_has_another_content() {
    let map = |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "config-1" }, "data": data });
    let all = json!({ "f:data": { ".": {}, "f:COLOUR": {}, "f:LOG_LEVEL": {} } });
    let live =
        owned(map(json!({ "LOG_LEVEL": "debug", "COLOUR": "red" })), &[("kubectl-create", all.clone())]);
    let wanted = map(json!({ "LOG_LEVEL": "info", "PORT": "8080" }));
    let expected = [
        ".data.COLOUR was added by kubectl-create",
        ".data.LOG_LEVEL was set by kubectl-create",
        ".data.PORT was removed",
    ];
    assert_eq!(drift(wanted.clone(), live), expected);
    let same = owned(wanted.clone(), &[("kubectl-create", all)]);
    assert_eq!(drift(wanted, same), [""; 0]);
}

#[test]
fn a_list_that_is_one_value_is_compared_as_one() {
    let policy = |ports: Value| {
        json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "web" },
            "spec": { "ingress": [{ "ports": ports }] } })
    };
    let fields = json!({ "f:spec": { "f:ingress": {} } });
    let both = json!([{ "port": 8080 }, { "port": 22 }]);
    let live = owned(policy(both), &[("somebody", fields)]);
    assert_eq!(drift(policy(json!([{ "port": 8080 }])), live), [".spec.ingress was set by somebody"]);
}

#[test]
fn what_the_cluster_has_no_use_for_was_not_removed() {
    let wanted = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "trafficDistribution": "PreferClose", "selector": { "a": "b" }, "ports": [] } });
    let live = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "clusterIP": "10.0.0.1" } });
    let ours = json!({ "f:spec": { "f:trafficDistribution": {} } });
    assert_eq!(drift(wanted, owned(live, &[("xtask", ours)])), [".spec.selector was removed"]);
}
