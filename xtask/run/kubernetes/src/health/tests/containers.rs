//! Pods of several containers, and pods with a history.

use super::*;
use crate::seen::{Stage, stage};

/// A new pod of `web` with another container, which is of this kind.
fn beside(kind: &str, mut spec: Value, status: Value) -> Value {
    let mut pod = pod("new", RELEASE, up());
    spec["name"] = json!("aside");
    let (specs, statuses) = match kind {
        "containers" => ("containers", "containerStatuses"),
        _ => ("initContainers", "initContainerStatuses"),
    };
    for (part, list, item) in [("spec", specs, spec), ("status", statuses, status.clone())] {
        let others = pod[part][list].as_array().cloned().unwrap_or_default();
        pod[part][list] = json!([vec![item], others].concat());
    }
    if status["ready"] != true {
        pod["status"]["conditions"][0]["status"] = json!("False");
    }
    pod
}

fn aside(mut container: Value) -> Value {
    container["name"] = json!("aside");
    container
}

#[test]
fn the_kind_of_a_container_decides_and_its_name_is_told() {
    let back_off = || json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let crashed = || aside(container(false, 1, back_off(), ended(4, "Error")));
    let no_image = || aside(waiting("ImagePullBackOff", "Back-off"));
    let spec = || json!({ "image": "aside:1" });
    let sidecar = || json!({ "image": "aside:1", "restartPolicy": "Always" });
    for (kind, spec, status, cause, words) in [
        ("containers", spec(), crashed(), Cause::ExitAtStart, "container aside: it ended before"),
        (
            "initContainers",
            spec(),
            crashed(),
            Cause::ExitAtStart,
            "init container aside: it ended, and again",
        ),
        ("initContainers", sidecar(), crashed(), Cause::ExitAtStart, "sidecar aside: it ended before"),
        ("containers", spec(), no_image(), Cause::ImageUnavailable, "container aside: its image aside:1"),
        ("initContainers", spec(), no_image(), Cause::ImageUnavailable, "init container aside: its image"),
        ("initContainers", sidecar(), no_image(), Cause::ImageUnavailable, "sidecar aside: its image"),
    ] {
        let cluster = Cluster::with(deployment(1, 1, 2)).pod(beside(kind, spec, status));
        let Health::Failed(failure) = cluster.after(0) else { panic!("{words}") };
        assert_eq!(failure.cause, cause);
        let why = failure.error("rolling out web").why.concat();
        assert!(why.starts_with(&format!("pod new, {words}")), "{why}");
    }
}

#[test]
fn an_init_container_may_fail_once_and_has_to_end_well() {
    let with = |status| {
        let pod = beside("initContainers", json!({}), status);
        Cluster::with(deployment(1, 1, 2)).pod(pod)
    };
    assert_eq!(with(aside(container(false, 0, ended(1, "Error"), json!({})))).after(0), Health::Going(None));
    let at_last = aside(container(true, 1, ended(0, "Completed"), ended(1, "Error")));
    assert_eq!(with(at_last.clone()).after(0), Health::Going(None));
    // What it needed to get there is no matter any more.
    let mut once = at_last;
    once["lastState"] = ended(137, "OOMKilled");
    assert_eq!(with(once).after(0), Health::Going(None));
}

#[test]
fn a_sidecar_may_take_as_long_as_its_own_probes_allow() {
    let probe = json!({ "exec": { "command": ["true"] }, "periodSeconds": 1, "failureThreshold": 9 });
    let sidecar = json!({ "restartPolicy": "Always", "startupProbe": probe });
    let cluster =
        Cluster::with(deployment(1, 1, 2)).pod(beside("initContainers", sidecar, aside(starting())));
    assert_eq!(cluster.after(2), Health::Going(Some(Duration::from_secs(8))));
    let Health::Failed(failure) = cluster.after(10) else { panic!("{:?}", cluster.after(10)) };
    assert_eq!(failure.container.unwrap().to_string(), "sidecar aside");
}

#[test]
fn what_is_noted_of_one_container_is_not_held_against_another() {
    let pod = beside("containers", json!({}), aside(starting()));
    let mut cluster = Cluster::with(deployment(1, 1, 2)).pod(pod);
    let event = json!({
        "metadata": {}, "reason": "Killing", "message": "Container aside failed liveness probe, will be restarted",
        "involvedObject": { "name": "new", "fieldPath": "spec.containers{aside}" },
    });
    cluster.seen.event(Event::Apply(from_value(event).unwrap()));
    let Health::Failed(failure) = cluster.after(0) else { panic!("{:?}", cluster.after(0)) };
    assert_eq!(failure.container.unwrap().to_string(), "container aside");
}

#[test]
fn what_befell_a_pod_before_anybody_looked_is_not_held_against_it() {
    let now = Instant::now();
    let before =
        |restarts, code| container(true, restarts, json!({ "running": {} }), ended(code, "OOMKilled"));
    let mut cluster = Cluster::with(deployment(1, 1, 1));
    cluster.seen = Seen::default();
    cluster.seen.deployment(Event::InitApply(from_value(deployment(1, 1, 1)).unwrap()));
    cluster.seen.deployment(Event::InitDone);
    cluster.seen.pod(Event::InitApply(from_value(pod("new", RELEASE, before(3, 137))).unwrap()), now);
    cluster.seen.pod(Event::InitDone, now);
    let cluster = cluster.notes("new", "Killing", "Container web failed liveness probe, will be restarted");
    assert_eq!(cluster.after(0), Health::Arrived);
    let again = cluster.pod(pod("new", RELEASE, before(4, 137)));
    again.fails_for(Cause::OutOfMemory, "exit code 137");
}

#[test]
fn a_deletion_timestamp_decides_whatever_else_a_pod_says() {
    let stage_of = |phase: &str, deleted: bool| {
        let mut pod = pod("new", RELEASE, up());
        pod["status"]["phase"] = json!(phase);
        if deleted {
            pod["metadata"]["deletionTimestamp"] = json!("2011-04-06T20:32:20Z");
        }
        stage(&from_value(pod).unwrap())
    };
    assert_eq!((stage_of("Running", false), stage_of("Running", true)), (Stage::Here, Stage::Leaving));
    assert_eq!((stage_of("Failed", false), stage_of("Failed", true)), (Stage::Ended, Stage::Leaving));
    assert_eq!((stage_of("Succeeded", false), stage_of("Succeeded", true)), (Stage::Ended, Stage::Leaving));
}

#[test]
fn a_pod_that_its_node_has_given_up_holds_up_nothing() {
    let mut evicted = pod("evicted", BEFORE, container(false, 0, ended(137, "Error"), json!({})));
    evicted["status"]["phase"] = json!("Failed");
    evicted["status"]["reason"] = json!("Evicted");
    let cluster = Cluster::with(deployment(1, 1, 1)).pod(evicted).pod(pod("new", RELEASE, up()));
    assert_eq!(cluster.after(0), Health::Arrived);
}
