//! Jobs: what decides is the container of the program, and whether anybody tries again.

use k8s_openapi::api::batch::v1::Job;

use super::*;

fn a_job(backoff_limit: i32, status: Value) -> Job {
    from_value(json!({
        "metadata": { "name": "migrate-1", "uid": "this" },
        "spec": { "backoffLimit": backoff_limit, "template": {} },
        "status": status,
    }))
    .unwrap()
}

/// A pod of a Job with this uid, whose program has this state.
fn pod_of(uid: &str, state: Value) -> Value {
    json!({
        "metadata": {
            "name": "migrate-1-abcde", "labels": { "app.kubernetes.io/component": "migrate" },
            "ownerReferences": [{ "apiVersion": "batch/v1", "kind": "Job", "name": "migrate-1", "uid": uid }],
        },
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "aside" }, { "name": "migrate" }] },
        "status": { "containerStatuses": [
            { "name": "aside", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } },
            { "name": "migrate", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state },
        ] },
    })
}

fn health(one: &Job, pod: Value) -> Health {
    let mut seen = Seen::default();
    seen.pod(Event::Apply(from_value(pod).unwrap()), Instant::now());
    job(&seen, one, Instant::now())
}

fn failed_with(code: i32) -> Value {
    pod_of("this", ended(code, "Error"))
}

#[test]
fn the_exit_code_of_the_program_is_taken_where_it_is_seen_first() {
    let active = a_job(0, json!({ "active": 1 }));
    assert_eq!(health(&active, pod_of("this", ended(0, "Completed"))), Health::Arrived);
    let Health::Failed(failure) = health(&active, failed_with(9)) else { panic!() };
    assert_eq!((failure.cause, failure.container.unwrap().name), (Cause::MigrationFailed, "migrate".into()));
    assert_eq!(health(&active, pod_of("this", json!({ "running": {} }))), Health::Going(None));
}

#[test]
fn a_failure_is_none_while_somebody_tries_again() {
    assert_eq!(health(&a_job(2, json!({})), failed_with(9)), Health::Going(None));
    let mut restarted = failed_with(9);
    restarted["spec"]["restartPolicy"] = json!("OnFailure");
    assert_eq!(health(&a_job(0, json!({})), restarted), Health::Going(None));
    let over =
        json!({ "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }] });
    assert!(matches!(health(&a_job(2, over), failed_with(9)), Health::Failed(_)));
}

#[test]
fn pods_of_an_earlier_job_of_the_same_name_and_deleted_ones_tell_nothing() {
    let new = a_job(0, json!({ "active": 1 }));
    assert_eq!(health(&new, pod_of("earlier", ended(9, "Error"))), Health::Going(None));
    let mut deleted = failed_with(143);
    deleted["metadata"]["deletionTimestamp"] = json!("2011-04-06T20:32:20Z");
    assert_eq!(health(&new, deleted), Health::Going(None));
}

#[test]
fn a_job_that_is_held_up_has_failed_all_the_same() {
    let active = a_job(0, json!({ "active": 1 }));
    let failed = |pod| has_failed(&active, &[from_value(pod).unwrap()]);
    assert!(failed(failed_with(9)) && !failed(pod_of("this", ended(0, "Completed"))));
    assert!(
        !failed(pod_of("earlier", ended(9, "Error"))) && !failed(pod_of("this", json!({ "running": {} })))
    );
}

#[test]
fn why_the_cluster_has_ended_a_job_is_told_where_no_pod_is_left() {
    let late = "Job was active longer than specified deadline";
    let over = json!({ "conditions": [{ "type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": late }] });
    let Health::Failed(failure) = job(&Seen::default(), &a_job(0, over), Instant::now()) else { panic!() };
    assert!(failure.reason.contains(late) && failure.pod.is_none(), "{failure:?}");
}
