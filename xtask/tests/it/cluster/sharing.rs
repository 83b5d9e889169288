//! A deploy that others change, too: people with kubectl, and a second `run`.

use rustix::process::Signal;
use serde_json::json;

use super::{Story, in_use};
use crate::support::kind::{environment_of_pods, kubectl, release_of_pods};

const FIELD: &str = ".spec.template.spec.terminationGracePeriodSeconds";

pub(crate) fn tell(story: &Story) {
    story.a_dry_run_shows_what_would_change_and_changes_nothing();
    story.a_field_that_somebody_took_is_drift_and_a_conflict();
    story.what_overrides_the_release_is_drift_and_is_taken_out_again();
    story.a_secret_that_was_made_again_under_its_name_is_found_by_its_content();
    story.the_number_of_processes_belongs_to_the_operator_who_scales();
    story.what_a_release_no_longer_has_is_deleted();
    story.two_runs_come_one_after_the_other();
    story.the_lock_of_a_run_that_died_is_free_at_once();
}

impl Story {
    /// A worker that ran once has sent once.
    pub(super) fn the_first_run_began_with_the_numbers_that_were_asked_for(&self) {
        let scaled = |name: &str| {
            let of_it = format!("--field-selector=reason=ScalingReplicaSet,involvedObject.name={name}");
            kubectl(&["get", "events", &of_it, "--sort-by=.metadata.creationTimestamp", "--output=name"])
        };
        assert_eq!(scaled("worker"), "");
        let first = scaled("web").lines().next().unwrap().to_owned();
        let message = kubectl(&["get", &first, "--output=jsonpath={.message}"]);
        let count = self.checkout.deploy("dev").count("web");
        assert!(message.ends_with(&format!(" to {count}")), "{message}");
        let selector = kubectl(&["get", "service", "web", "--output=jsonpath={.spec.selector}"]);
        assert!(selector.contains(r#""app.kubernetes.io/instance":"dev""#), "{selector}");
    }

    fn a_dry_run_shows_what_would_change_and_changes_nothing(&self) {
        let before = release_of_pods();
        self.xtask(["run", "--env", "dev", "--dry-run"])
            .run()
            .done()
            .prints("nothing would change on the cluster\n");
        let wanted = self.release();
        let dry = self.xtask(["run", "--env", "dev", "--dry-run"]).run().exits(5);
        assert!(dry.stdout.contains("--- now/deployment/web\n+++ then/deployment/web\n"), "{}", dry.stdout);
        assert!(dry.stdout.contains(&format!("-    twelve-factor.dev/release: {before}")), "{}", dry.stdout);
        assert!(dry.stdout.contains(&format!("+    twelve-factor.dev/release: {wanted}")), "{}", dry.stdout);
        assert_eq!(release_of_pods(), before);
        self.xtask(["run", "--env", "dev", "--diff"]).run().done().says("+++ then/deployment/web");
        assert_eq!(release_of_pods(), wanted.to_string());
    }

    fn a_field_that_somebody_took_is_drift_and_a_conflict(&self) {
        self.xtask(["status", "--env", "dev"]).run().done();
        let patch = json!({ "spec": { "template": { "spec": { "terminationGracePeriodSeconds": 29 } } } });
        kubectl(&["patch", "deployment", "web", "--patch", &patch.to_string(), "--field-manager=somebody"]);
        let status = self.xtask(["status", "--env", "dev"]).run().exits(3);
        let told = format!("deployment/web {FIELD} was set by somebody, ");
        let step = format!("`cargo xtask run --env dev --take-over '{FIELD}'`");
        assert!(status.stdout.contains(&told) && status.stdout.contains(&step), "{}", status.stdout);
        let wanted = self.release();
        let before = release_of_pods();
        self.run().refused(&told).says(&format!("--take-over '{FIELD}'"));
        assert_eq!(release_of_pods(), before);
        self.xtask(["run", "--env", "dev", "--take-over", FIELD]).run().done();
        assert_eq!(release_of_pods(), wanted.to_string());
        self.xtask(["status", "--env", "dev"]).run().done();
    }

    fn what_overrides_the_release_is_drift_and_is_taken_out_again(&self) {
        let field = r#".spec.template.spec.containers[name="web"].env[name="LOG_LEVEL"]"#;
        kubectl(&["set", "env", "deployment/web", "LOG_LEVEL=debug", "RELEASE_ID-"]);
        kubectl(&["rollout", "status", "deployment/web"]);
        let status = self.xtask(["status", "--env", "dev"]).run().exits(3);
        let told = format!("deployment/web {field} was added by kubectl");
        assert!(status.stdout.contains(&told), "{}", status.stdout);
        self.xtask(["run", "--env", "dev", "--dry-run"]).run().refused(&told);
        self.run().refused(&told);
        let vain = ["run", "--env", "dev", "--take-over", field, "--take-over", ".spec.paused"];
        self.xtask(vain).run().refused("--take-over '.spec.paused' takes nothing");
        let take = ["run", "--env", "dev", "--take-over", field];
        self.xtask(take).args(["--dry-run"]).run().exits(5);
        let taken = self.xtask(take).run().done();
        taken.says(r#".env[name="RELEASE_ID"] was removed; it is brought back"#);
        self.xtask(["status", "--env", "dev"]).run().done();
        let env = "--output=jsonpath={.spec.template.spec.containers[0].env[*].name}";
        assert_eq!(kubectl(&["get", "deployment", "web", env]), "RELEASE_ID");
        // What others have set to the release's own value, and notes that override nothing, are no drift.
        let patch = |seconds: u32| {
            let spec = json!({ "terminationGracePeriodSeconds": seconds });
            let patch = json!({ "spec": { "template": { "spec": spec } } }).to_string();
            kubectl(&["patch", "deployment", "web", "--patch", &patch, "--field-manager=somebody"]);
        };
        patch(29);
        patch(30);
        kubectl(&["rollout", "restart", "deployment/web"]);
        kubectl(&["rollout", "status", "deployment/web"]);
        self.xtask(["status", "--env", "dev"]).run().done();
        self.release();
        self.run().done();
        self.xtask(["status", "--env", "dev"]).run().done();
    }

    fn a_secret_that_was_made_again_under_its_name_is_found_by_its_content(&self) {
        let release = self.checkout.releases("dev").pop().unwrap().release;
        let (secret, config) = (release.secret_name(), release.config_name());
        let staying =
            "{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}";
        let form = format!("--output=go-template={staying}");
        let names = || kubectl(&["get", "pods", "--selector=app.kubernetes.io/component=web", &form]);
        let before = names();
        kubectl(&["delete", "secret", &secret]);
        kubectl(&["create", "secret", "generic", &secret, "--from-literal=DATABASE_URL=postgres://canary"]);
        kubectl(&["delete", "configmap", &config]);
        let told =
            format!("secret/{secret} has not the content that its name stands for: it was set by kubectl");
        let gone = format!("configmap/{config} is not there");
        let status = self.xtask(["status", "--env", "dev"]).run().exits(3);
        for line in [&told, &gone] {
            assert!(status.stdout.contains(line.as_str()), "{}", status.stdout);
        }
        assert!(status.stdout.contains("`cargo xtask run --env dev` brings it back"), "{}", status.stdout);
        let dry = self.xtask(["run", "--env", "dev", "--dry-run"]).run().exits(5);
        assert!(
            dry.stdout.contains(&format!("secret/{secret}")) && !dry.stdout.contains("canary"),
            "{dry:?}"
        );
        let refused = self.xtask(["admin", "--env", "dev", "--", "check"]).run();
        refused.refused("which holds what it is given, is not on the cluster");
        in_use(|| self.run().done().says(&told));
        self.xtask(["status", "--env", "dev"]).run().done();
        // Pods may have been started with what was there meanwhile.
        let after = names();
        assert!(before.split_whitespace().all(|pod| !after.contains(pod)), "{before} {after}");
        let url = self.checkout.secret("dev", "DATABASE_URL");
        assert_eq!(environment_of_pods("DATABASE_URL"), [format!("DATABASE_URL={}", url.expose())]);
    }

    fn the_number_of_processes_belongs_to_the_operator_who_scales(&self) {
        kubectl(&["scale", "deployment", "web", "--replicas=3"]);
        self.release();
        self.run().done();
        let count = || kubectl(&["get", "deployment", "web", "--output=jsonpath={.spec.replicas}"]);
        assert_eq!(count(), "3");
        self.xtask(["status", "--env", "dev"]).run().done();
        kubectl(&["scale", "deployment", "web", "--replicas=2"]);
        self.run().done();
        assert_eq!(count(), "2");
    }

    fn what_a_release_no_longer_has_is_deleted(&self) {
        let configs = || kubectl(&["get", "configmaps,secrets,jobs", "--output=name"]);
        let extra = |version: &str, kind: &str| json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "extra" } });
        let further = ["v1/PodTemplate", "storage.k8s.io/v1/StorageClass"].map(|kind| kind.parse().unwrap());
        self.checkout.edit_deploy("dev", |deploy| deploy.policy.kinds = further.to_vec());
        let mut template = extra("v1", "PodTemplate");
        template["template"] = json!({ "spec": { "containers": [{ "name": "extra", "image": "extra" }] } });
        let both = [extra("v1", "ConfigMap"), template];
        self.with_objects("web", |objects| drop(objects.splice(0..0, both)), || self.release());
        self.run().done();
        let left = kubectl(&["get", "configmaps,podtemplates", "--output=name"]);
        assert!(left.contains("configmap/extra") && left.contains("podtemplate/extra"), "{left}");
        kubectl(&["create", "configmap", "stranger"]);
        // Also of a kind that the rules no longer allow.
        self.checkout.edit_deploy("dev", |deploy| deploy.policy.kinds.clear());
        self.release();
        Self::forgets_its_schema();
        self.run().done().says("configmap/extra").says("podtemplate/extra");
        let left = configs();
        assert!(!left.contains("configmap/extra") && left.contains("configmap/stranger"), "{left}");
        // Of the migrations, only the newest one's Job is left; of the config, what a rollback may need.
        assert_eq!(left.matches("job.batch/migrate-").count(), 1, "{left}");
        let kept = self.checkout.releases("dev").into_iter().rev().take(5);
        for verified in kept {
            assert!(left.contains(&verified.release.config_name()), "{left}");
        }
        kubectl(&["delete", "configmap", "stranger"]);
        // What the rules allow may still not be of the whole cluster.
        self.checkout.edit_deploy("dev", |deploy| deploy.policy.kinds = further.to_vec());
        let mut class = extra("storage.k8s.io/v1", "StorageClass");
        class["provisioner"] = json!("example.com/none");
        self.with_objects("web", |objects| objects.insert(0, class), || self.release());
        self.run().refused("storageclass/extra: objects of its kind are the cluster's, in no namespace");
        self.checkout.edit_deploy("dev", |deploy| deploy.policy.kinds.clear());
        self.release();
        self.run().done();
    }

    fn two_runs_come_one_after_the_other(&self) {
        self.release();
        let mut first = self.xtask(["run", "--env", "dev"]).start();
        first.says("checking");
        first.signal(Signal::STOP);
        self.xtask(["run", "--env", "dev", "--no-wait"]).run().refused("has it").says("without --no-wait");
        let mut second = self.xtask(["run", "--env", "dev"]).start();
        second.says("waiting for root@");
        first.signal(Signal::CONT);
        first.ends_within(crate::support::LONG_PATIENCE).done();
        let second = second.ends_within(crate::support::LONG_PATIENCE).done();
        assert!(second.stdout.contains("as before"), "{second:?}");
    }

    fn the_lock_of_a_run_that_died_is_free_at_once(&self) {
        self.release();
        let mut first = self.xtask(["run", "--env", "dev"]).start();
        first.says("checking");
        first.dies();
        self.xtask(["run", "--env", "dev", "--no-wait"]).run().done();
    }
}
