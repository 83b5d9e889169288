//! A deploy on a kind cluster of this machine: from `up` to `down --data`. The cluster is the tests' own.

use std::{fs, process::Command, time::Duration};

use crate::support::{
    checkout::{Checkout, name},
    command::{Outcome, Xtask},
    forge::forge,
    http,
    kind::{
        CLUSTER, Cluster, cluster_port, environment_of_pods, kubectl, output, release_of_pods,
        wait_until_all_are_of,
    },
    load::{Habit, Load},
    needs,
    template::copy,
};
use serde_json::{Value, json};
use xtask_contract::{Ledger, ReleaseId};

/// Making a cluster takes the better part of a minute, so that all of it is one story.
#[test]
fn a_deploy_on_kind_from_up_to_down() {
    if !needs::docker_and_kind() {
        return;
    }
    let story = Story { _cluster: Cluster::empty(), checkout: Checkout::built() };
    story.up_answers_with_the_image_that_runs_locally();
    story.no_secret_is_in_the_objects();
    story.a_second_run_changes_nothing();
    story.a_todo_outlives_down_and_run();
    story.a_new_release_rolls_out_without_losing_a_request();
    story.a_release_that_cannot_start_leaves_the_one_before();
    story.an_older_release_does_not_come_back();
    story.a_rollback_brings_back_image_and_config();
    story.a_ledger_that_was_tampered_with_changes_nothing();
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
        assert_eq!(up.text("url"), format!("http://localhost:{}", cluster_port()));
        let said = [up.text("env"), up.text("status")];
        assert_eq!((said, up.json()["replaced"].clone()), (["dev".into(), "started".into()], Value::Null));
        assert!(http::get(cluster_port(), "/api/todos")["items"].is_array());

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
        let url = self.checkout.secret("dev", "DATABASE_URL");
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
        let address = http::add(cluster_port(), "Water the plants");
        let down = self.xtask(["down", "--env", "dev", "--json"]).run().done();
        assert_eq!(down.json(), json!({ "env": "dev", "stopped": true, "data": "kept" }));
        assert!(http::Connection::open(cluster_port()).is_err(), "something still listens");
        self.run().done();
        assert_eq!(http::get(cluster_port(), &address)["title"], "Water the plants");
    }

    fn a_new_release_rolls_out_without_losing_a_request(&self) {
        let before = self.newest();
        let load = Load::start(cluster_port(), 2, USE);
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
        let load = Load::start(cluster_port(), 2, USE);
        self.release_with("BIND_ADDRESS", "192.0.2.1"); // an address of no machine (RFC 5737)
        let failed = self.run().exits(4).prints_no_result();
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

    fn a_rollback_brings_back_image_and_config(&self) {
        let first = self.checkout.releases("dev").remove(0).release;
        assert_eq!(environment_of_pods("LOG_LEVEL"), ["LOG_LEVEL=debug"]);
        let id = first.id.to_string();
        let back = self.xtask(["rollback", &id, "--env", "dev", "--json"]).run().done();
        assert_eq!(back.text("release"), self.newest().to_string());
        assert_eq!(release_of_pods(), self.newest().to_string());
        wait_until_all_are_of(&self.newest().to_string());
        for (variable, value) in &first.config {
            assert_eq!(environment_of_pods(variable), [format!("{variable}={value}")]);
        }
        let url = self.checkout.secret("dev", "DATABASE_URL");
        assert_eq!(environment_of_pods("DATABASE_URL"), [format!("DATABASE_URL={}", url.expose())]);
        let list = self.xtask(["releases", "--env", "dev", "--json"]).run().done().json();
        let running = list.as_array().unwrap().iter().filter(|row| row["running"] == true);
        assert_eq!(running.map(|row| row["id"].clone()).collect::<Vec<_>>(), [json!(self.newest())]);
    }

    fn a_ledger_that_was_tampered_with_changes_nothing(&self) {
        let ledger = Ledger::of(&self.checkout.repo(), &name("dev"));
        let saved = tempfile::tempdir_in(self.checkout.around()).unwrap();
        copy(ledger.folder(), saved.path());
        let releases = self.checkout.releases("dev");
        let newest = releases.last().unwrap();
        self.refuses("its end was cut off", || {
            fs::remove_dir_all(ledger.folder_of(newest.release.id)).unwrap();
        });
        let mut forged = newest.release.clone();
        forged.config.insert("LOG_LEVEL".into(), "trace".into());
        forge(&ledger, &forged, newest.objects.as_deref());
        self.refuses("it was made anew", || ());

        fs::remove_dir_all(ledger.folder()).unwrap();
        copy(&saved.path().join("dev"), ledger.folder().parent().unwrap());
        self.xtask(["releases", "verify", "--env", "dev"]).run().done();
        output(Command::new("chmod").args(["-R", "u+w"]).arg(saved.path()));
    }

    /// Neither `run` nor `verify` takes the ledger after this, and nothing on the cluster is touched.
    fn refuses(&self, words: &str, tamper: impl FnOnce()) {
        let folder = Ledger::of(&self.checkout.repo(), &name("dev")).folder().to_owned();
        output(Command::new("chmod").args(["-R", "u+w"]).arg(&folder));
        let versions = || {
            let path =
                "--output=jsonpath={range .items[*]}{.metadata.name}:{.metadata.resourceVersion} {end}";
            kubectl(&["get", "deployments,statefulsets,jobs,configmaps,secrets,services", path])
        };
        let before = versions();
        tamper();
        self.run().refused(words);
        self.xtask(["releases", "verify", "--env", "dev"]).run().refused(words);
        assert_eq!(versions(), before);
    }

    fn down_with_data_leaves_nothing(&self) {
        let down = self.xtask(["down", "--env", "dev", "--data", "--yes", "--json"]).run().done();
        assert_eq!(down.json(), json!({ "env": "dev", "stopped": true, "data": "deleted" }));
        let clusters = output(Command::new("kind").args(["get", "clusters"]));
        assert!(!clusters.lines().any(|cluster| cluster == &*CLUSTER), "{clusters}");
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
