//! Releases that cannot come up, each in its own way: the health has a name and comes early, the release before
//! serves all along, and nothing is left of the failed one. (What is concluded from what a cluster says is proven with
//! recordings of clusters, beside the code.)

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Story, in_use};
use crate::support::kind::{kubectl, release_of_pods};

pub(crate) fn tell(story: &Story) {
    story.a_process_that_ends_at_its_start();
    story.a_migration_that_fails();
}

/// All that can be had on a cluster of one node.
pub(crate) fn tell_all(story: &Story) {
    story.an_image_that_cannot_be_pulled();
    story.a_process_that_never_becomes_ready();
    story.a_process_that_no_node_takes();
    story.a_process_that_runs_out_of_memory();
    story.a_quota_that_does_not_allow_it();
    story.a_field_that_no_schema_knows();
    story.containers_that_others_put_before_the_own_one_change_nothing();
}

impl Story {
    fn a_process_that_ends_at_its_start(&self) {
        let before = release_of_pods();
        self.checkout.configure("dev", "BIND_ADDRESS", "192.0.2.1"); // an address of no machine (RFC 5737)
        let failed = self.fails_with(|_| ());
        failed.is("exit_at_start", "with exit code 1").within(60);
        assert!(failed.why.contains("cannot listen on 192.0.2.1"), "{failed:?}");
        assert!(failed.why.contains(", container web: "), "{failed:?}");

        // The same again, to be looked at.
        let failed = self.newest();
        self.xtask(["run", "--env", "dev", "--keep-failed"]).run().exits(1).says("is left as it is");
        let pods = kubectl(&["get", "pods", "--output=jsonpath={.items[*].metadata.annotations}"]);
        assert!(pods.contains(&failed.to_string()) && pods.contains(&before), "{pods}");
        let status = self.xtask(["status", "--env", "dev"]).run().exits(3);
        assert!(status.stdout.contains(&format!("failed: {failed}")), "{}", status.stdout);
        self.checkout.edit_deploy("dev", |deploy| drop(deploy.config.remove("BIND_ADDRESS")));
        self.release();
        self.run().done();
        self.xtask(["status", "--env", "dev"]).run().done();
    }

    fn an_image_that_cannot_be_pulled(&self) {
        let stranger =
            json!({ "name": "stranger", "image": "localhost:1/nothing/here:1", "imagePullPolicy": "Always" });
        let failed = self.fails_with(|web| beside(web, stranger));
        failed.is("image_unavailable", "localhost:1/nothing/here:1 cannot be had").within(60);
        assert!(failed.why.contains(", container stranger: "), "{failed:?}");
    }

    fn a_process_that_never_becomes_ready(&self) {
        let failed = self.fails_with(|web| {
            let mut deaf = helper("deaf", "trap exit TERM; sleep 600 & wait");
            deaf["startupProbe"] =
                json!({ "tcpSocket": { "port": 1 }, "periodSeconds": 1, "failureThreshold": 3 });
            beside(web, deaf);
        });
        failed.is("probe_failed", "probe").within(60);
    }

    fn a_process_that_no_node_takes(&self) {
        let greedy = |web: &mut Value| {
            web["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("1000");
        };
        let failed = self.fails_with(greedy);
        failed.is("unschedulable", "Insufficient cpu").within(60);
    }

    fn a_process_that_runs_out_of_memory(&self) {
        let failed = self.fails_with(|web| {
            let mut glutton = helper("glutton", "sleep 1; exec tail /dev/zero");
            glutton["readinessProbe"] = json!({ "tcpSocket": { "port": 1 }, "periodSeconds": 1 });
            glutton["resources"] =
                json!({ "limits": { "memory": "32Mi" }, "requests": { "memory": "32Mi" } });
            beside(web, glutton);
        });
        failed.is("out_of_memory", "needed more memory").within(60);
    }

    fn a_migration_that_fails(&self) {
        let url = self.checkout.secret("dev", "DATABASE_URL");
        let (before, after) = url.expose().split_once('@').unwrap();
        let (user, _) = before.rsplit_once(':').unwrap();
        self.checkout.seal("dev", "DATABASE_URL", &format!("{user}:canary-4711@{after}"));
        self.checkout.edit_deploy("dev", |deploy| deploy.services.postgres.as_mut().unwrap().attached = true);
        let failed = self.fails_with(|_| ());
        failed.is("migration_failed", "exit code 1").within(60);
        assert!(!failed.why.contains("canary"), "{failed:?}");
        assert!(failed.why.contains("the deploy is still on"), "{failed:?}");
        self.checkout.seal("dev", "DATABASE_URL", url.expose());
        self.checkout
            .edit_deploy("dev", |deploy| deploy.services.postgres.as_mut().unwrap().attached = false);
    }

    fn a_quota_that_does_not_allow_it(&self) {
        kubectl(&["create", "quota", "small", "--hard=pods=3"]);
        self.release();
        let before = release_of_pods();
        let refused = self.run();
        refused.refused("exceeded quota: small").says("checking that a pod of deployment/web is let in");
        assert_eq!(release_of_pods(), before);
        kubectl(&["delete", "quota", "small"]);
        self.run().done();
    }

    fn a_field_that_no_schema_knows(&self) {
        let before = release_of_pods();
        for (file, place) in [("web", "/spec/template/spec"), ("migrate", "/spec")] {
            self.with_object(
                file,
                |object| object.pointer_mut(place).unwrap()["mispelt"] = json!(1),
                || self.release(),
            );
            self.run().refused("mispelt: field not declared in schema");
        }
        assert_eq!(release_of_pods(), before);
        self.release();
        self.run().done();
    }

    fn containers_that_others_put_before_the_own_one_change_nothing(&self) {
        let aside = || helper("aside", "trap exit TERM; sleep 600 & wait");
        let with_aside = |object: &mut Value| {
            let containers = object.pointer_mut("/spec/template/spec/containers").unwrap();
            containers.as_array_mut().unwrap().insert(0, aside());
        };
        self.with_object("migrate", with_aside, || self.with_object("web", with_aside, || self.release()));
        Self::forgets_its_schema();
        self.run().done().says("is done, and not waited for: container aside of its pod migrate-");
        self.xtask(["status", "--env", "dev"]).run().done();
        let check = self.xtask(["admin", "--env", "dev", "--", "check"]).run().done();
        assert!(check.stdout.contains("\"check\":\"config\""), "{check:?}");
        let logs = self.xtask(["logs", "--env", "dev", "--raw", "--process", "web"]).run().done();
        assert!(logs.stdout.contains("listening"), "{logs:?}");
        self.release();
        self.run().done();
    }

    /// Runs a release that must fail, while the one before is in use.
    fn fails_with(&self, edit: impl FnOnce(&mut Value)) -> Failed {
        let before = release_of_pods();
        let wanted = self.with_object("web", edit, || self.release());
        let started = Instant::now();
        let outcome = in_use(|| self.xtask(["run", "--env", "dev", "--json-events"]).run());
        let took = started.elapsed();
        let outcome = outcome.exits(4);
        let last: Value = serde_json::from_str(outcome.stdout.lines().next_back().unwrap()).unwrap();
        assert_eq!(release_of_pods(), before);
        let pods = kubectl(&["get", "pods", "--selector=app.kubernetes.io/component=web", "--output=yaml"]);
        assert!(!pods.contains(&wanted.to_string()), "pods of the failed release are left");
        let status = self.xtask(["status", "--env", "dev", "--json"]).run().done().json();
        assert_eq!(status["release"], json!(before));
        assert_eq!(status["failed"]["release"], json!(wanted));
        assert_eq!(status["failed"]["cause"], last["cause"]);
        let why = last["why"]
            .as_array()
            .unwrap()
            .iter()
            .map(|why| why.as_str().unwrap().to_owned() + "\n")
            .collect();
        Failed { cause: last["cause"].as_str().unwrap().to_owned(), why, took }
    }
}

/// What a run that failed said.
#[derive(Debug)]
struct Failed {
    cause: String,
    why: String,
    took: Duration,
}

impl Failed {
    #[track_caller]
    fn is(&self, cause: &str, words: &str) -> &Self {
        assert_eq!(self.cause, cause, "{self:?}");
        assert!(self.why.contains(words), "{self:?}");
        self
    }

    /// Far from the deadline of five minutes, also on a busy machine.
    #[track_caller]
    fn within(&self, seconds: u64) {
        assert!(self.took < Duration::from_secs(2 * seconds), "{self:?}");
    }
}

/// Puts another container beside the first one, with what a namespace asks of any.
fn beside(web: &mut Value, mut container: Value) {
    container["securityContext"] = restricted();
    web["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(container);
}

/// A container that runs a script, of the image of the deploy's own database.
fn helper(name: &str, script: &str) -> Value {
    let image = std::env::var("POSTGRES_IMAGE").unwrap_or("docker.io/library/postgres:17".into());
    let command = ["sh", "-c", script];
    json!({ "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
        "securityContext": restricted() })
}

/// As the restricted profile of Pod Security wants it.
fn restricted() -> Value {
    json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "runAsUser": 999 })
}
