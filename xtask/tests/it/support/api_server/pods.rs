//! What the kubelet says of a pod, from its creation on.

use serde_json::{Value, json};

use super::store::now;

/// The states that a pod goes through, one after the other. The last one stays.
pub(crate) type Course = Vec<Value>;

/// The course of a pod that does what it is for: it becomes ready, or it comes to its end if it is a Job's.
pub(crate) fn good(pod: &Value) -> Course {
    if pod["spec"]["restartPolicy"] == "Never" {
        vec![starting(pod), running(pod, false), ended(pod, 0)]
    } else {
        vec![starting(pod), running(pod, false), running(pod, true)]
    }
}

/// Its containers are being made.
pub(crate) fn starting(pod: &Value) -> Value {
    waiting(pod, "ContainerCreating")
}

/// Its containers are not there, for this reason.
pub(crate) fn waiting(pod: &Value, reason: &str) -> Value {
    status(pod, "Pending", false, &json!({ "waiting": { "reason": reason } }))
}

/// Its containers run.
pub(crate) fn running(pod: &Value, ready: bool) -> Value {
    status(pod, "Running", ready, &json!({ "running": { "startedAt": now() } }))
}

/// Its containers have ended with this exit code, and are not started again.
pub(crate) fn ended(pod: &Value, code: i32) -> Value {
    let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
    let terminated = json!({ "terminated": {
        "exitCode": code, "reason": reason, "startedAt": now(), "finishedAt": now(),
        "containerID": "containerd://0000",
    } });
    status(pod, phase, false, &terminated)
}

fn status(pod: &Value, phase: &str, ready: bool, state: &Value) -> Value {
    let condition = |name: &str, holds: bool| {
        let status = if holds { "True" } else { "False" };
        json!({ "type": name, "status": status, "lastProbeTime": null, "lastTransitionTime": now() })
    };
    let started = state.get("running").is_some();
    let container = |container: &Value| {
        json!({
            "name": container["name"], "state": state, "lastState": {}, "ready": ready, "restartCount": 0,
            "image": container["image"], "imageID": container["image"], "containerID": "containerd://0000",
            "started": started,
        })
    };
    let containers: Vec<Value> =
        pod["spec"]["containers"].as_array().into_iter().flatten().map(container).collect();
    json!({
        "phase": phase,
        "conditions": [
            condition("Initialized", true), condition("Ready", ready), condition("ContainersReady", ready),
            condition("PodScheduled", true),
        ],
        "hostIP": "172.18.0.2", "podIP": "10.244.0.4", "podIPs": [{ "ip": "10.244.0.4" }],
        "startTime": now(), "containerStatuses": containers, "qosClass": "Burstable",
    })
}
