//! One cluster after the other as the watches would tell of it.

#![expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]

mod containers;
mod jobs;

use kube::runtime::watcher::Event;
use serde_json::{Value, from_value, json};

use xtask_run::Cause;

use super::{pod::UNSCHEDULABLE, *};

const RELEASE: &str = "2011-04-06-20:32:17";
const BEFORE: &str = "2011-04-05-20:32:17";

/// A cluster with one Deployment, `web`.
struct Cluster {
    seen: Seen,
    start: Instant,
}

impl Cluster {
    fn with(deployment: Value) -> Self {
        let mut seen = Seen::default();
        seen.deployment(Event::InitApply(from_value(deployment).unwrap()));
        seen.deployment(Event::InitDone);
        seen.pod(Event::InitDone, Instant::now());
        Self { seen, start: Instant::now() }
    }

    fn pod(mut self, pod: Value) -> Self {
        self.seen.pod(Event::Apply(from_value(pod).unwrap()), self.start);
        self
    }

    fn notes(mut self, pod: &str, reason: &str, message: &str) -> Self {
        let event = json!({ "metadata": {}, "involvedObject": { "name": pod }, "reason": reason, "message": message });
        self.seen.event(Event::Apply(from_value(event).unwrap()));
        self
    }

    fn after(&self, seconds: u64) -> Health {
        rollout(&self.seen, &["web".into()], RELEASE, self.start + Duration::from_secs(seconds))
    }

    #[track_caller]
    fn fails_for(&self, cause: Cause, words: &str) {
        let Health::Failed(failure) = self.after(0) else { panic!("{:?}", self.after(0)) };
        assert_eq!(failure.cause, cause, "{failure:?}");
        assert!(failure.reason.contains(words), "{failure:?}");
    }
}

fn deployment(wanted: i32, updated: i32, all: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "generation": 2 },
        "spec": { "replicas": wanted, "selector": {}, "template": {} },
        "status": {
            "observedGeneration": 2, "replicas": all, "updatedReplicas": updated, "availableReplicas": all,
        },
    })
}

fn pod(name: &str, release: &str, container: Value) -> Value {
    let ready = if container["ready"] == true { "True" } else { "False" };
    let probe = |threshold: i32| json!({ "httpGet": { "port": 1 }, "periodSeconds": 1, "failureThreshold": threshold });
    json!({
        "metadata": {
            "name": name,
            "annotations": { "twelve-factor.dev/release": release },
            "labels": { "app.kubernetes.io/component": "web" },
        },
        "spec": { "containers": [{ "name": "web", "image": "greeter", "startupProbe": probe(30), "readinessProbe": probe(2) }] },
        "status": {
            "conditions": [{ "type": "Ready", "status": ready }, { "type": "PodScheduled", "status": "True" }],
            "containerStatuses": [container],
        },
    })
}

fn container(ready: bool, restarts: i32, state: Value, last: Value) -> Value {
    json!({
        "name": "web", "image": "greeter", "imageID": "", "ready": ready, "restartCount": restarts,
        "state": state, "lastState": last,
    })
}

fn up() -> Value {
    container(true, 0, json!({ "running": {} }), json!({}))
}

fn starting() -> Value {
    container(false, 0, json!({ "running": {} }), json!({}))
}

fn waiting(reason: &str, message: &str) -> Value {
    container(false, 0, json!({ "waiting": { "reason": reason, "message": message } }), json!({}))
}

fn ended(code: i32, reason: &str) -> Value {
    json!({ "terminated": { "exitCode": code, "reason": reason } })
}

#[test]
fn it_has_arrived_when_all_pods_are_new_and_ready_and_no_old_one_is_left() {
    let new = Cluster::with(deployment(1, 1, 1)).pod(pod("new", RELEASE, up()));
    assert_eq!(new.after(0), Health::Arrived);
    let mut leaving = pod("old", BEFORE, up());
    leaving["metadata"]["deletionTimestamp"] = json!("2011-04-06T20:32:20Z");
    assert_eq!(new.pod(leaving).after(0), Health::Arrived);
}

#[test]
fn none_have_arrived_where_none_are_wanted() {
    let mut none = deployment(0, 0, 0);
    none["status"] = json!({ "observedGeneration": 2 });
    assert_eq!(Cluster::with(none.clone()).after(0), Health::Arrived);
    // The one that there is before `scale` has said that there is none, on its way out.
    let mut leaving = pod("new", RELEASE, starting());
    leaving["metadata"]["deletionTimestamp"] = json!("2011-04-06T20:32:20Z");
    assert_eq!(Cluster::with(none.clone()).pod(leaving).after(60), Health::Arrived);
    none["metadata"]["generation"] = json!(3);
    assert_eq!(Cluster::with(none).after(0), Health::Going(None));
}

#[test]
fn one_without_probes_has_arrived_once_it_has_run_for_a_while() {
    let bare = |container| {
        let mut bare = pod("new", RELEASE, container);
        bare["spec"]["containers"][0] = json!({ "name": "web", "image": "greeter" });
        bare
    };
    let starting = Cluster::with(deployment(1, 1, 1)).pod(bare(starting()));
    assert_eq!(starting.after(600), Health::Going(None));
    let up = Cluster::with(deployment(1, 1, 1)).pod(bare(up()));
    assert_eq!(up.after(1), Health::Going(Some(Duration::from_secs(2))));
    assert_eq!(up.after(3), Health::Arrived);
    // Each start begins it anew.
    let again = container(true, 1, json!({ "running": {} }), ended(1, "Error"));
    let again = Cluster { start: up.start + Duration::from_secs(2), ..up }.pod(bare(again));
    assert_eq!(again.after(2), Health::Going(Some(Duration::from_secs(1))));
}

#[test]
fn it_goes_on_while_anything_is_missing() {
    let old = || Cluster::with(deployment(1, 1, 2)).pod(pod("old", BEFORE, up()));
    assert_eq!(old().after(0), Health::Going(None));
    assert_eq!(old().pod(pod("new", RELEASE, up())).after(0), Health::Going(None));
    let mut unobserved = deployment(1, 1, 1);
    unobserved["metadata"]["generation"] = json!(3);
    assert_eq!(Cluster::with(unobserved).pod(pod("new", RELEASE, up())).after(0), Health::Going(None));
    let nothing = Seen::default();
    assert_eq!(rollout(&nothing, &["web".into()], RELEASE, Instant::now()), Health::Going(None));
}

#[test]
fn an_image_that_cannot_be_had_is_a_verdict_at_once() {
    let with = |reason, message| {
        Cluster::with(deployment(1, 1, 2)).pod(pod("new", RELEASE, waiting(reason, message)))
    };
    with("ErrImageNeverPull", "").fails_for(Cause::ImageUnavailable, "its image greeter cannot be had");
    with("ImagePullBackOff", "Back-off").fails_for(Cause::ImageUnavailable, "Back-off");
    with("ErrImagePull", "manifest unknown").fails_for(Cause::ImageUnavailable, "manifest unknown");
    // A registry may be away for a moment.
    assert_eq!(with("ErrImagePull", "i/o timeout").after(0), Health::Going(None));
    assert_eq!(with("ContainerCreating", "").after(0), Health::Going(None));
}

#[test]
fn config_that_is_not_there_is_a_verdict_and_config_that_is_only_late_is_none() {
    let with = |message| {
        Cluster::with(deployment(1, 1, 2)).pod(pod(
            "new",
            RELEASE,
            waiting("CreateContainerConfigError", message),
        ))
    };
    with("secret \"x\" not found").fails_for(Cause::ConfigRefused, "secret \"x\" not found");
    let late = with("failed to sync configmap cache: timed out waiting for the condition");
    assert_eq!(late.after(0), Health::Going(None));
}

#[test]
fn one_exit_may_be_an_accident_and_a_second_one_is_none() {
    let with = |container| Cluster::with(deployment(1, 1, 2)).pod(pod("new", RELEASE, container));
    assert_eq!(with(container(false, 0, ended(2, "Error"), json!({}))).after(0), Health::Going(None));
    with(container(false, 1, ended(2, "Error"), ended(2, "Error")))
        .fails_for(Cause::ExitAtStart, "exit code 2");
    let back_off = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } });
    let crashed = || container(false, 1, back_off.clone(), ended(101, "Error"));
    with(crashed()).fails_for(Cause::ExitAtStart, "exit code 101");
    let had_been_up = Cluster::with(deployment(1, 1, 2)).pod(pod("new", RELEASE, up()));
    had_been_up.pod(pod("new", RELEASE, crashed())).fails_for(Cause::CrashLoop, "exit code 101");
}

#[test]
fn memory_that_runs_out_is_named() {
    let killed = container(false, 1, json!({ "running": {} }), ended(137, "OOMKilled"));
    let cluster = Cluster::with(deployment(1, 1, 2)).pod(pod("new", RELEASE, killed));
    cluster.fails_for(Cause::OutOfMemory, "exit code 137");
}

#[test]
fn a_pod_may_take_as_long_as_its_probes_allow_and_no_longer() {
    let cluster = Cluster::with(deployment(1, 1, 2)).pod(pod("new", RELEASE, starting()));
    assert_eq!(cluster.after(2), Health::Going(Some(Duration::from_secs(32))));
    let Health::Failed(failure) = cluster.after(34) else { panic!("{:?}", cluster.after(34)) };
    assert_eq!(failure.cause, Cause::ProbeFailed);
    assert!(failure.reason.contains("not ready 34 s after its start"), "{failure:?}");
}

#[test]
fn a_container_that_was_killed_for_its_probe_did_not_just_exit() {
    let killed = container(false, 1, json!({ "running": {} }), ended(143, "Error"));
    let cluster = Cluster::with(deployment(1, 1, 2)).pod(pod("new", RELEASE, killed));
    let cluster = cluster.notes("new", "Killing", "Container web failed startup probe, will be restarted");
    cluster.fails_for(Cause::ProbeFailed, "failed startup probe");
}

#[test]
fn a_pod_that_no_node_takes_waits_for_a_new_node_if_one_is_coming() {
    let cluster = || {
        let mut waiting = pod("new", RELEASE, up());
        waiting["status"] = json!({ "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient cpu",
        }] });
        Cluster::with(deployment(1, 1, 2)).pod(waiting)
    };
    assert_eq!(cluster().after(0), Health::Going(Some(UNSCHEDULABLE)));
    assert!(matches!(cluster().after(12), Health::Failed(Failure { cause: Cause::Unschedulable, .. })));
    let coming = cluster().notes("new", "TriggeredScaleUp", "pod triggered scale-up");
    assert_eq!(coming.after(60), Health::Going(None));
    let none = cluster().notes("new", "NotTriggerScaleUp", "pod didn't trigger scale-up");
    none.fails_for(Cause::Unschedulable, "Insufficient cpu");
}

#[test]
fn pods_that_are_not_let_in_are_a_verdict() {
    let refused = |message: &str| {
        let mut refused = deployment(1, 0, 1);
        refused["status"]["conditions"] = json!([{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message }]);
        Cluster::with(refused)
    };
    refused("pods \"web\" is forbidden: exceeded quota: small")
        .fails_for(Cause::QuotaExceeded, "exceeded quota");
    refused("admission webhook \"x\" denied the request").fails_for(Cause::AdmissionRefused, "webhook");
}

#[test]
fn pods_of_other_releases_are_not_held_against_this_one() {
    let cluster = Cluster::with(deployment(1, 1, 2)).pod(pod("old", BEFORE, waiting("ImagePullBackOff", "")));
    assert_eq!(cluster.after(0), Health::Going(None));
}

#[test]
fn progress_counts_pods_and_names_the_newest_event_that_matters() {
    let cluster =
        Cluster::with(deployment(2, 1, 3)).pod(pod("old", BEFORE, up())).pod(pod("new", RELEASE, starting()));
    let cluster =
        cluster.notes("new", "Unhealthy", "Readiness probe failed").notes("new", "Pulled", "Container image");
    let progress = progress(&cluster.seen, "web", RELEASE);
    let told = progress.to_string();
    assert_eq!(told, "web: 1 of 2 new, 0 ready, 1 old left (Unhealthy: Readiness probe failed)");
}
