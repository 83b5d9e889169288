//! The target `kubernetes`: another deploy on the same cluster, reached by a kubeconfig's context, with its image
//! from a registry.

use std::path::PathBuf;

use serde_json::{Value, json};
use xtask_contract::deploy::{KubernetesTarget, Target, Text};

use super::Story;
use crate::support::{
    command::{Outcome, Xtask},
    kind::{CLUSTER, PROD as NAMESPACE, kubectl, network, release_of_pods},
    needs,
    registry::Registry,
};

pub(crate) fn tell(story: &Story) {
    if !needs::registry() {
        return;
    }
    let registry = Registry::start();
    let _for_the_node = registry.also_in(&network());
    story.fills_in_the_example(&registry);
    story.a_deploy_runs_beside_another_one_with_its_image_from_a_registry(&registry);
    story.a_second_run_sends_and_changes_nothing(&registry);
    story.a_context_that_is_not_there_is_named();
    story.a_registry_that_is_away_is_told_before_anything_changes();
    story.what_the_user_may_not_do_is_told_at_once();
    story.down_leaves_the_other_deploy_alone();
}

impl Story {
    /// What k8s/envs/prod.toml leaves open: a context, a registry and a database; and what a small cluster takes.
    fn fills_in_the_example(&self, registry: &Registry) {
        self.checkout.edit_deploy("prod", |deploy| {
            deploy.target = Target::Kubernetes(KubernetesTarget {
                context: format!("kind-{CLUSTER}"),
                namespace: NAMESPACE.parse().unwrap(),
                registry: registry.repository("team/todo-api"),
                url: None,
                pull_secret: None,
                plain_http: true,
            });
            deploy.config.insert("DRAIN_DELAY".into(), Text("500ms".into()));
            deploy.policy.dirty = true;
        });
        let url = self.checkout.secret("dev", "DATABASE_URL");
        let elsewhere =
            url.expose().replace("@postgres", &format!("@postgres.{CLUSTER}-dev.svc.cluster.local"));
        self.checkout.seal("prod", "DATABASE_URL", &elsewhere);
        self.prod(["release"]).run().done();
    }

    fn a_deploy_runs_beside_another_one_with_its_image_from_a_registry(&self, registry: &Registry) {
        let before = release_of_pods();
        let ran = self.prod(["run", "--json"]).run().done();
        let release = self.checkout.releases("prod").pop().unwrap().release;
        assert_eq!(ran.text("release"), release.id.to_string());
        assert!(registry.manifest("team/todo-api", &release.image.digest.to_string()).is_ok());
        let pods = in_prod(&["get", "pods", "--selector=app.kubernetes.io/component=web", "--output=json"]);
        let pods: Value = serde_json::from_str(&pods).unwrap();
        for pod in pods["items"].as_array().unwrap() {
            let status = &pod["status"]["containerStatuses"][0];
            assert_eq!(status["imageID"], json!(release.image_reference()), "{status}");
            assert_eq!(pod["spec"]["serviceAccountName"], "todo-api");
        }
        let kinds = in_prod(&["get", "networkpolicies", "--output=name"]);
        assert!(kinds.contains("networkpolicy"), "{kinds}");
        for (kind, version) in
            [("horizontalpodautoscalers", "autoscaling/v2"), ("poddisruptionbudgets", "policy/v1")]
        {
            let known = kubectl(&["api-versions"]).lines().any(|known| known == version);
            let there = known && !in_prod(&["get", kind, "--output=name"]).is_empty();
            assert_eq!(there, known);
            assert!(known || ran.stderr.contains(&format!("of {version}")), "{}", ran.stderr);
        }
        let status = self.prod(["status", "--json"]).run().done().json();
        assert_eq!((&status["release"], &status["drift"]), (&json!(release.id), &json!([])));
        assert_eq!(release_of_pods(), before);
    }

    fn a_second_run_sends_and_changes_nothing(&self, registry: &Registry) {
        let sent = || registry.asked("PUT /v2/") + registry.asked("POST /v2/");
        let before = sent();
        assert_eq!(self.prod(["run", "--json"]).run().done().text("status"), "unchanged");
        assert_eq!(sent(), before);
    }

    fn a_context_that_is_not_there_is_named(&self) {
        self.target(|target| {
            let Target::Kubernetes(KubernetesTarget { context, .. }) = target else { panic!("{target}") };
            "nowhere".clone_into(context);
        });
        self.prod(["run"])
            .run()
            .refused("connecting to the cluster of the context nowhere")
            .says(&format!("kind-{CLUSTER}"));
        self.target(|target| {
            let Target::Kubernetes(KubernetesTarget { context, .. }) = target else { panic!("{target}") };
            *context = format!("kind-{CLUSTER}");
        });
    }

    fn a_registry_that_is_away_is_told_before_anything_changes(&self) {
        let before = in_prod(&["get", "deployment", "web", "--output=jsonpath={.metadata.generation}"]);
        let mut known = None;
        self.target(|target| {
            let Target::Kubernetes(KubernetesTarget { registry, .. }) = target else { panic!("{target}") };
            known = Some(std::mem::replace(registry, "127.0.0.1:1/team/todo-api".parse().unwrap()));
        });
        let failed = self.prod(["run"]).run().exits(1);
        failed.says("127.0.0.1:1").says("next: ");
        assert_eq!(
            in_prod(&["get", "deployment", "web", "--output=jsonpath={.metadata.generation}"]),
            before
        );
        self.target(|target| {
            let Target::Kubernetes(KubernetesTarget { registry, .. }) = target else { panic!("{target}") };
            *registry = known.unwrap();
        });
        self.prod(["run"]).run().done();
    }

    fn what_the_user_may_not_do_is_told_at_once(&self) {
        let path = self.checkout.path(".xtask/reader.kubeconfig");
        let kubeconfig = std::fs::read_to_string(self.kubeconfig()).unwrap();
        // Somebody who may ask what they may do, and look at things, and no more.
        kubectl(&["create", "clusterrolebinding", "reader", "--clusterrole=view", "--user=reader"]);
        let mut kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
        kubeconfig["users"][0]["user"]["as"] = json!("reader");
        std::fs::write(&path, serde_saphyr::to_string(&kubeconfig).unwrap()).unwrap();
        let refused = self.prod(["run"]).env("KUBECONFIG", &path).run();
        refused.refused("this user may not create, delete, patch deployments").says("leases");
        assert!(!in_prod(&["get", "leases", "--output=name"]).contains("lease"), "it took the lock");
        let admin = self.prod(["admin"]).args(["--", "check"]).input("").env("KUBECONFIG", &path).run();
        admin.refused("this user may not create, delete jobs").says("pods/attach");
        assert_eq!(in_prod(&["get", "jobs", "--selector=twelve-factor.dev/part=admin", "--output=name"]), "");
    }

    fn down_leaves_the_other_deploy_alone(&self) {
        let before = release_of_pods();
        let down = self.prod(["down", "--data", "--yes", "--json"]).run().done();
        assert_eq!(down.json(), json!({ "env": "prod", "stopped": true, "data": "none" }));
        for kind in ["deployments", "services", "secrets", "jobs", "networkpolicies"] {
            let left =
                in_prod(&["get", kind, "--selector=app.kubernetes.io/managed-by=xtask", "--output=name"]);
            assert_eq!(left, "", "{kind}");
        }
        assert_eq!(release_of_pods(), before);
        self.xtask(["status", "--env", "dev"]).run().done();
    }

    /// Makes a release of prod with another target.
    fn target(&self, edit: impl FnOnce(&mut Target)) -> Outcome {
        self.checkout.edit_deploy("prod", |deploy| edit(&mut deploy.target));
        self.prod(["release"]).run().done()
    }

    fn prod<const N: usize>(&self, args: [&str; N]) -> Xtask {
        self.checkout.xtask(args).args(["--env", "prod"]).env("KUBECONFIG", self.kubeconfig())
    }

    fn kubeconfig(&self) -> PathBuf {
        self.checkout.path(&format!(".xtask/kind/{CLUSTER}.kubeconfig"))
    }
}

fn in_prod(args: &[&str]) -> String {
    kubectl(&[&["--namespace", NAMESPACE][..], args].concat())
}
