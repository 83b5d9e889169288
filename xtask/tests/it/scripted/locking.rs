//! The lock on a deploy, whose holder has died on another machine, or which another command has taken meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask_contract::labels;

use super::{Deploy, NAMESPACE};
use crate::support::{
    api_server::{Fate, Store, pods},
    call::Call,
};

#[test]
fn the_lock_of_a_holder_that_died_elsewhere_is_taken_once_it_has_run_out() {
    let deploy = Deploy::new();
    deploy.release();
    deploy.run().done();
    let wanted = deploy.release();
    deploy.server.cluster().store.put(lease_of("alice@laptop (process 7)"));
    deploy
        .xtask(["run", "--no-wait"])
        .run()
        .refused("alice@laptop (process 7), which runs 2011-04-06-20:32:17")
        .says("has it");
    let began = Instant::now();
    deploy.run().done().says("waiting for alice@laptop (process 7)");
    assert!(began.elapsed() >= Duration::from_secs(1), "it lasts for a second");
    deploy.is_on(wanted);
}

#[test]
fn a_run_that_has_lost_the_lock_changes_no_process() {
    let deploy = Deploy::new();
    deploy.release();
    deploy.run().done();
    let runs = *deploy.checkout.ids("prod").last().unwrap();
    deploy.release();
    let server = deploy.server.clone();
    deploy.server.calls();
    deploy.server.decides(move |call| {
        if call.is_a_step() && call.path.contains("/jobs/") {
            take_lock(&mut server.cluster().store);
        }
        Fate::Passes
    });
    deploy.run().exits(1).says("it was taken by bob@desktop (process 8)");
    let changes: Vec<Call> = deploy.server.calls().into_iter().filter(Call::is_a_step).collect();
    assert!(changes.iter().all(|call| !call.path.contains("/deployments/")), "{changes:#?}");
    assert_eq!(lock_holder(&deploy.server.cluster().store), "bob@desktop (process 8)");
    deploy.server.lets_all_pass();
    let status = deploy.xtask(["status", "--json"]).run().json();
    assert_eq!(status["release"], runs.to_string());
}

#[test]
fn a_run_that_loses_the_lock_while_it_waits_for_pods_ends() {
    let deploy = Deploy::new();
    deploy.release();
    let server = deploy.server.clone();
    // Nothing of the service ever becomes ready.
    deploy.server.cluster().controllers.pods_go(|pod| {
        let course = pods::good(pod);
        let is_of_web = pod["metadata"]["labels"][labels::COMPONENT] == "web";
        if is_of_web { course[..2].to_vec() } else { course }
    });
    deploy.server.decides(move |call| {
        if call.watches() && call.path.contains("/deployments") {
            take_lock(&mut server.cluster().store);
        }
        Fate::Passes
    });
    deploy.run_in_haste().says("it was taken by bob@desktop (process 8)");
    assert_eq!(lock_holder(&deploy.server.cluster().store), "bob@desktop (process 8)");
}

/// A lock that lasts for a second, held by a command on another machine.
fn lease_of(holder: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": "xtask-run", "namespace": NAMESPACE,
            "annotations": {
                "twelve-factor.dev/process": "another boot pid:[1] 7 1",
                "twelve-factor.dev/release": "2011-04-06-20:32:17",
            },
        },
        "spec": { "holderIdentity": holder, "leaseDurationSeconds": 1 },
    })
}

fn take_lock(store: &mut Store) {
    store.put(lease_of("bob@desktop (process 8)"));
}

fn lock_holder(store: &Store) -> String {
    let lease = store.get("leases", NAMESPACE, "xtask-run").unwrap();
    lease["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}
