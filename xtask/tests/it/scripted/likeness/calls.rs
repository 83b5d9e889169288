//! The calls by which two servers are held against each other: each kind of call that this toolchain makes.

use serde_json::{Value, json};

use crate::support::call::Call;

const NAMESPACE: &str = "/api/v1/namespaces/likeness";
const MAPS: &str = "/api/v1/namespaces/likeness/configmaps";
const MAP: &str = "/api/v1/namespaces/likeness/configmaps/settings";
const SECRET: &str = "/api/v1/namespaces/likeness/secrets/sealed";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/likeness/leases";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/likeness/leases/held";
const WEB: &str = "/apis/apps/v1/namespaces/likeness/deployments/web";
const SCALE: &str = "/apis/apps/v1/namespaces/likeness/deployments/web/scale";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Stands for the version in which what a call is about was answered last.
pub(super) const LAST: &str = "the-last-one";

const OURS: &str = "fieldManager=xtask";
const THEIRS: &str = "fieldManager=other";

/// All of them, in their order.
pub(super) fn all() -> Vec<Call> {
    [objects_and_their_owners(), secrets_and_leases(), deployments(), what_is_not_there()].concat()
}

fn objects_and_their_owners() -> Vec<Call> {
    let map = |data: Value| {
        let metadata = json!({ "name": "settings", "labels": { "of": "us" } });
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": data, "metadata": metadata })
    };
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "likeness" } });
    vec![
        apply(MAP, OURS, &map(json!({ "x": "1" }))),
        apply(NAMESPACE, OURS, &namespace),
        apply(MAP, &format!("{OURS}&dryRun=All"), &map(json!({ "x": "1" }))),
        get(MAP, ""),
        metadata_of(MAPS, "labelSelector=of+in+(us,them)", "PartialObjectMetadataList"),
        apply(MAP, OURS, &map(json!({ "x": "1", "y": "2" }))),
        apply(MAP, OURS, &map(json!({ "x": "1" }))),
        apply(MAP, THEIRS, &map(json!({ "x": "2" }))),
        apply(MAP, &format!("{THEIRS}&force=true"), &map(json!({ "x": "2", "z": "3" }))),
        apply(MAP, OURS, &map(json!({ "x": "1" }))),
        patch(MAP, "merge", &json!({ "data": { "z": null, "added": "4" } })),
        metadata_of(MAP, "", "PartialObjectMetadata"),
        metadata_of(MAPS, "labelSelector=of%3Dus", "PartialObjectMetadataList"),
        get(MAPS, "fieldSelector=metadata.name%3Dsettings&labelSelector=of%3Dus"),
        patch(MAP, "merge", &json!({ "data": { "added": "5" } })),
        send("DELETE", MAP, &Value::Null),
        get(MAPS, &format!("watch=true&resourceVersion={LAST}&timeoutSeconds=1&labelSelector=of%3Dus")),
    ]
}

fn secrets_and_leases() -> Vec<Call> {
    let secret = |text: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "sealed" }, "immutable": true,
            "stringData": { "text": text },
        })
    };
    let lease = |version: Value, seconds: u32| {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": "held", "resourceVersion": version },
            "spec": { "holderIdentity": "me", "leaseDurationSeconds": seconds },
        })
    };
    let only_if = |version: &str| {
        let version = json!({ "resourceVersion": version });
        json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": version })
    };
    vec![
        apply(SECRET, OURS, &secret("one")),
        apply(SECRET, OURS, &secret("two")),
        send("POST", LEASES, &lease(Value::Null, 10)),
        send("POST", LEASES, &lease(Value::Null, 10)),
        send("PUT", LEASE, &lease(json!("1"), 11)),
        send("PUT", LEASE, &lease(json!(LAST), 11)),
        send("DELETE", LEASE, &only_if("1")),
        send("DELETE", LEASE, &only_if(LAST)),
        send("DELETE", LEASE, &Value::Null),
        send("PUT", LEASE, &lease(Value::Null, 12)),
    ]
}

fn deployments() -> Vec<Call> {
    // Nothing is to come of it: then no controller is quicker than the next call.
    let deployment = |grace: Value, component: &str| {
        let container = json!({
            "name": "web", "image": "web", "env": [{ "name": "A", "value": "1" }],
            "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
        });
        let template = json!({
            "metadata": { "labels": { "is": component } },
            "spec": { "terminationGracePeriodSeconds": grace, "containers": [container] },
        });
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "paused": true, "selector": { "matchLabels": { "is": component } }, "template": template },
        })
    };
    let grace = json!({ "spec": { "template": { "spec": { "terminationGracePeriodSeconds": 29 } } } });
    let replace_if = |value: &str| {
        let path = "/spec/template/spec/containers/0/env/0/value";
        let test = json!({ "op": "test", "path": path, "value": value });
        json!([test, { "op": "replace", "path": path, "value": "2" }])
    };
    let background =
        json!({ "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background" });
    vec![
        apply(WEB, OURS, &deployment(Value::Null, "web")),
        patch(SCALE, "merge", &json!({ "spec": { "replicas": 2 } })),
        get(SCALE, ""),
        patch(WEB, "merge", &grace),
        apply(WEB, OURS, &deployment(json!(30), "web")),
        apply(WEB, OURS, &deployment(json!(29), "web")),
        apply(WEB, OURS, &deployment(json!(29), "other")),
        patch(WEB, "json", &replace_if("3")),
        patch(WEB, "json", &replace_if("1")),
        apply(WEB, &format!("{OURS}&force=true"), &deployment(json!(30), "web")),
        send("DELETE", WEB, &background),
    ]
}

fn what_is_not_there() -> Vec<Call> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": { "verb": "get", "resource": "pods", "namespace": "likeness" } },
    });
    vec![
        send("POST", REVIEWS, &review),
        get("/apis/none.example.org/v1/namespaces/likeness/nothings", ""),
        get("/apis/batch/v1/namespaces/likeness/nothings", ""),
        get("/api/v1/namespaces/likeness/pods/none/log", ""),
        get("/api/v1/namespaces/likeness/services/none:http/proxy/readyz", ""),
    ]
}

fn call(method: &str, (path, query): (&str, &str), content_type: &str, document: &Value) -> Call {
    let body = if document.is_null() { Vec::new() } else { document.to_string().into_bytes() };
    Call {
        method: method.into(),
        path: format!("{path}?{query}"),
        accept: "application/json".into(),
        content_type: content_type.into(),
        body,
        is_last: true,
    }
}

fn get(path: &str, query: &str) -> Call {
    call("GET", (path, query), "", &Value::Null)
}

fn metadata_of(path: &str, query: &str, kind: &str) -> Call {
    Call { accept: format!("application/json;as={kind};g=meta.k8s.io;v=v1"), ..get(path, query) }
}

fn send(method: &str, path: &str, document: &Value) -> Call {
    call(method, (path, "fieldManager=somebody"), "application/json", document)
}

fn apply(path: &str, query: &str, document: &Value) -> Call {
    call("PATCH", (path, query), "application/apply-patch+yaml", document)
}

fn patch(path: &str, kind: &str, document: &Value) -> Call {
    call("PATCH", (path, "fieldManager=somebody"), &format!("application/{kind}-patch+json"), document)
}
