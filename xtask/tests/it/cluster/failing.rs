//! Releases that cannot come up, each in its own way: the verdict has a name and comes early, the release before
//! serves all along, and nothing is left of the failed one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Story, in_use};
use crate::support::kind::{kubectl, release_of_pods};

pub(crate) fn tell(story: &Story) {
    story.an_image_that_cannot_be_pulled();
    story.a_process_that_ends_at_its_start();
    story.a_process_that_never_becomes_ready();
    story.a_process_that_no_node_takes();
    story.a_process_that_runs_out_of_memory();
    story.a_migration_that_fails();
    story.a_quota_that_does_not_allow_it();
    story.a_failed_release_can_be_kept_and_left_behind();
}

impl Story {
    fn an_image_that_cannot_be_pulled(&self) {
        let stranger =
            json!({ "name": "stranger", "image": "localhost:1/nothing/here:1", "imagePullPolicy": "Always" });
        let failed = self.fails_with(|web| beside(web, stranger));
        failed.is("image_unavailable", "localhost:1/nothing/here:1 cannot be had").within(60);
    }

    fn a_process_that_ends_at_its_start(&self) {
        self.checkout.configure("dev", "BIND_ADDRESS", "192.0.2.1"); // an address of no machine (RFC 5737)
        let failed = self.fails_with(|_| ());
        failed.is("exit_at_start", "with exit code 1").within(60);
        assert!(failed.why.contains("cannot listen on 192.0.2.1"), "{failed:?}");
        self.checkout.edit_deploy("dev", |deploy| drop(deploy.config.remove("BIND_ADDRESS")));
    }

    fn a_process_that_never_becomes_ready(&self) {
        let deaf = |web: &mut Value| {
            let mut deaf = web.pointer("/spec/template/spec/containers/0").unwrap().clone();
            deaf["name"] = json!("deaf");
            deaf["command"] = json!(["sh", "-c", "trap exit TERM; sleep 600 & wait"]);
            for unwanted in ["args", "env", "ports", "readinessProbe", "livenessProbe", "envFrom"] {
                deaf.as_object_mut().unwrap().remove(unwanted);
            }
            deaf["securityContext"]["runAsUser"] = json!(999);
            deaf["image"] =
                json!(std::env::var("POSTGRES_IMAGE").unwrap_or("docker.io/library/postgres:17".into()));
            deaf["startupProbe"] =
                json!({ "tcpSocket": { "port": 1 }, "periodSeconds": 1, "failureThreshold": 3 });
            beside(web, deaf);
        };
        let failed = self.fails_with(deaf);
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
        let glutton = |web: &mut Value| {
            let mut glutton = web.pointer("/spec/template/spec/containers/0").unwrap().clone();
            for unwanted in
                ["args", "env", "ports", "readinessProbe", "livenessProbe", "startupProbe", "envFrom"]
            {
                glutton.as_object_mut().unwrap().remove(unwanted);
            }
            glutton["name"] = json!("glutton");
            glutton["readinessProbe"] = json!({ "tcpSocket": { "port": 1 }, "periodSeconds": 1 });
            glutton["image"] =
                json!(std::env::var("POSTGRES_IMAGE").unwrap_or("docker.io/library/postgres:17".into()));
            glutton["command"] = json!(["sh", "-c", "sleep 1; exec tail /dev/zero"]);
            glutton["resources"] =
                json!({ "limits": { "memory": "32Mi" }, "requests": { "memory": "32Mi" } });
            glutton["securityContext"]["runAsUser"] = json!(999);
            beside(web, glutton);
        };
        let failed = self.fails_with(glutton);
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

    fn a_failed_release_can_be_kept_and_left_behind(&self) {
        let before = release_of_pods();
        self.checkout.configure("dev", "BIND_ADDRESS", "192.0.2.1");
        let failed = self.release();
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

/// Puts another container beside the first one.
fn beside(web: &mut Value, container: Value) {
    web["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(container);
}
