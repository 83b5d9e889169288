//! A release that holds more than a release may.

use xtask_contract::Ledger;

use super::Deploy;
use crate::support::{call::Call, checkout::name, forge::forge};

/// All of the cluster, and something of its own.
const MORE: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: all-may-all }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: system:authenticated }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: coredns, namespace: kube-system }
data: { Corefile: \"\" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: release-witness, namespace: todo-api-prod }
data: {}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ../../kube-system/configmaps/coredns, namespace: todo-api-prod }
data: {}
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: root, namespace: todo-api-prod }
spec:
  template:
    spec:
      hostPID: true
      containers: [{ name: root, image: evil.example/root, securityContext: { privileged: true } }]
";

#[test]
fn what_is_not_the_deploys_is_refused_by_name_by_all_that_apply_objects() {
    let deploy = Deploy::new();
    let first = deploy.release();
    deploy.run().done();
    let second = deploy.release();
    let forged = deploy.checkout.releases("prod").pop().unwrap();
    let objects = format!("{}{MORE}", forged.objects.as_deref().unwrap());
    forge(&Ledger::of(&deploy.checkout.repo(), &name("prod")), &forged.release, Some(&objects));
    let id = second.to_string();
    deploy.server.calls();
    let calls = [&["run"][..], &["run", "--dry-run"], &["run", "--diff"], &["admin", "--release", &id]];
    for call in calls {
        let mut command = deploy.xtask([call[0]]).args(&call[1..]);
        if call[0] == "admin" {
            command = command.args(["--", "check"]);
        }
        let refused = command.run().exits(3).prints("");
        for named in [
            "clusterrolebinding/all-may-all is of a kind that it may not hold",
            "configmap/coredns is in the namespace kube-system, not in the deploy's",
            "configmap/release-witness is where `run` keeps",
            "coredns has a name that Kubernetes does not allow",
            "deployment/root has what a release may not hold: hostPID, privileged (container root)",
            "next: `cargo xtask release --env prod`",
        ] {
            assert!(refused.stderr.contains(named), "{call:?} does not name {named}: {}", refused.stderr);
        }
    }
    let changes: Vec<Call> = deploy.server.calls().into_iter().filter(Call::changes).collect();
    assert!(changes.is_empty(), "{changes:#?}");
    deploy.is_on(first);

    // Nothing that could not run is made from it, either.
    deploy.checkout.configure("prod", "LOG_LEVEL", "debug");
    deploy.xtask(["release"]).run().done();
    deploy.xtask(["rollback", &id, "--no-run"]).run().exits(3).says("clusterrolebinding/all-may-all");
    deploy.run().done();
}
