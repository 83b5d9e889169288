//! A deploy on a kind cluster of this machine: from `up` to `down --data`. The cluster is the tests' own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{collections::BTreeSet, process::Command, time::Duration};

use serde_json::{Value, json};
use support::{
    checkout::{CLUSTER, CLUSTER_PORT, Checkout, name},
    command::{Outcome, Xtask},
    http,
    load::{Habit, Load},
    needs,
};
use xtask_contract::{ReleaseId, deploy::Secrets, release::RELEASE_ANNOTATION, seal::Identity};

/// Making a cluster takes the better part of a minute, so that all of it is one story.
#[test]
fn a_deploy_on_kind_from_up_to_down() {
    if !needs::docker_and_kind() {
        return;
    }
    let story = Story { _cluster: Cluster::none_yet(), checkout: Checkout::built() };
    story.up_answers_with_the_image_that_runs_locally();
    story.no_secret_is_in_the_objects();
    story.a_second_run_changes_nothing();
    story.a_todo_outlives_down_and_run();
    story.a_new_release_rolls_out_without_losing_a_request();
    story.a_release_that_cannot_start_leaves_the_one_before();
    story.an_older_release_does_not_come_back();
    story.down_with_data_leaves_nothing();
}

/// A light and steady use of the service.
const USE: Habit = Habit { keep_alive: true, pause: Duration::from_millis(20), ends_when_refused: false };

struct Story {
    // Deleted first, whatever happens.
    _cluster: Cluster,
    checkout: Checkout,
}

impl Story {
    fn up_answers_with_the_image_that_runs_locally(&self) {
        let up = self.xtask(["up", "--env", "dev", "--json"]).run().done();
        assert_eq!(up.text("release"), self.newest().to_string());
        assert_eq!(up.text("url"), format!("http://localhost:{CLUSTER_PORT}"));
        let said = [up.text("env"), up.text("status")];
        assert_eq!((said, up.json()["replaced"].clone()), (["dev".into(), "started".into()], Value::Null));
        assert!(http::get(CLUSTER_PORT, "/api/todos")["items"].is_array());

        let local = self.checkout.xtask(["release", "--env", "local", "--json"]).run().done();
        let images = kubectl(&[
            "get",
            "pods",
            "--selector=app.kubernetes.io/component=web",
            "--output=jsonpath={.items[*].status.containerStatuses[0].imageID}",
        ]);
        let images: Vec<&str> = images.split(' ').collect();
        assert_eq!(images.len(), 2, "{images:?}");
        assert!(images.iter().all(|image| image.ends_with(&local.text("image"))), "{images:?}");
    }

    fn no_secret_is_in_the_objects(&self) {
        let repo = self.checkout.repo();
        let secrets = Secrets::read(&repo, &name("dev")).unwrap().secrets;
        let url = Identity::of_this_machine(&repo).unwrap().open("it", &secrets["DATABASE_URL"]).unwrap();
        let password = url.expose().split([':', '@']).nth(2).unwrap();
        let objects = self.checkout.releases("dev")[0].objects.clone().unwrap();
        assert!(objects.contains("kind: Deployment") && !objects.contains("kind: Secret"));
        assert!(!objects.contains(password));
        let running = kubectl(&["get", "deployments,statefulsets,jobs,pods,configmaps", "--output=yaml"]);
        assert!(running.contains("secretRef") && !running.contains(password));
    }

    fn a_second_run_changes_nothing(&self) {
        let generation =
            || kubectl(&["get", "deployment", "web", "--output=jsonpath={.metadata.generation}"]);
        let before = generation();
        let again = self.run().done();
        assert_eq!(
            (again.text("status"), again.json()["replaced"].clone()),
            ("unchanged".into(), json!(null))
        );
        assert_eq!(generation(), before);
    }

    fn a_todo_outlives_down_and_run(&self) {
        let address = http::add(CLUSTER_PORT, "Water the plants");
        let down = self.xtask(["down", "--env", "dev", "--json"]).run().done();
        assert_eq!(down.json(), json!({ "env": "dev", "stopped": true, "data": "kept" }));
        assert!(http::Connection::open(CLUSTER_PORT).is_err(), "something still listens");
        self.run().done();
        assert_eq!(http::get(CLUSTER_PORT, &address)["title"], "Water the plants");
    }

    fn a_new_release_rolls_out_without_losing_a_request(&self) {
        let before = self.newest();
        let load = Load::start(CLUSTER_PORT, 2, USE);
        load.makes(10);
        self.release_with("LOG_LEVEL", "debug");
        let ran = self.run().done();
        load.makes(10);
        load.stops();
        assert_eq!((ran.text("status"), ran.text("replaced")), ("started".into(), before.to_string()));
        assert_eq!(release_of_pods(), self.newest().to_string());
    }

    fn a_release_that_cannot_start_leaves_the_one_before(&self) {
        let before = self.newest();
        let load = Load::start(CLUSTER_PORT, 2, USE);
        self.release_with("BIND_ADDRESS", "192.0.2.1"); // an address of no machine (RFC 5737)
        let failed = self.run().exits(4).prints("");
        failed.says("cannot listen on 192.0.2.1").says(&format!("the deploy is back on {before}"));
        load.makes(10);
        load.stops();
        assert_eq!(release_of_pods(), before.to_string());
    }

    fn an_older_release_does_not_come_back(&self) {
        let before = release_of_pods();
        let first = self.checkout.ids("dev")[0].to_string();
        let refused = self.xtask(["run", &first, "--env", "dev", "--json"]).run();
        refused.refused("it is older than").says(&format!("cargo xtask rollback --env dev {first}"));
        assert_eq!(release_of_pods(), before);
    }

    fn down_with_data_leaves_nothing(&self) {
        let down = self.xtask(["down", "--env", "dev", "--data", "--json"]).run().done();
        assert_eq!(down.json(), json!({ "env": "dev", "stopped": true, "data": "deleted" }));
        let clusters = output(Command::new("kind").args(["get", "clusters"]));
        assert!(!clusters.lines().any(|cluster| cluster == CLUSTER), "{clusters}");
    }

    fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        self.checkout.xtask(args).with_engine()
    }

    fn run(&self) -> Outcome {
        self.xtask(["run", "--env", "dev", "--json"]).run()
    }

    fn release_with(&self, variable: &str, value: &str) {
        self.checkout.configure("dev", variable, value);
        self.checkout.xtask(["release", "--env", "dev"]).run().done();
    }

    fn newest(&self) -> ReleaseId {
        *self.checkout.ids("dev").last().unwrap()
    }
}

/// The tests' own cluster, deleted with this value: also when a test fails.
struct Cluster;

impl Cluster {
    /// What an earlier run that was killed may have left is deleted, too.
    fn none_yet() -> Self {
        Self::delete();
        Self
    }

    fn delete() {
        output(Command::new("kind").args(["delete", "cluster", "--name", CLUSTER]));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        Self::delete();
    }
}

/// Asks the cluster, by way of the command on its node.
fn kubectl(args: &[&str]) -> String {
    let node = format!("{CLUSTER}-control-plane");
    let namespace = format!("--namespace={CLUSTER}-dev");
    let kubectl = ["exec", &node, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", &namespace];
    output(Command::new("docker").args(kubectl).args(args))
}

/// The release that all web pods belong to, but those that are on their way out.
fn release_of_pods() -> String {
    let pods = kubectl(&["get", "pods", "--selector=app.kubernetes.io/component=web", "--output=json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let pods = pods["items"].as_array().unwrap().iter().map(|pod| &pod["metadata"]);
    let staying = pods.filter(|pod| pod["deletionTimestamp"].is_null());
    let releases: BTreeSet<_> = staying.map(|pod| pod["annotations"][RELEASE_ANNOTATION].as_str()).collect();
    assert_eq!(releases.len(), 1, "pods of several releases stay: {releases:?}");
    releases.into_iter().next().flatten().unwrap().to_owned()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
