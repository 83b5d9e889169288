//! The tests' own kind cluster, and questions to it.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;
use xtask_contract::labels;

use super::template::shared_target;

/// The name of the tests' own kind cluster, which is nobody's deploy. Another checkout's tests have another one.
pub(crate) const CLUSTER: ClusterName = ClusterName;

/// See [`CLUSTER`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterName;

impl Deref for ClusterName {
    type Target = str;

    fn deref(&self) -> &str {
        static NAME: LazyLock<String> =
            LazyLock::new(|| format!("xtask-e2e-{:03x}", of_this_checkout() % 4096));
        &NAME
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The port at which the deploy on it answers: one that Kubernetes has for this, and no deploy of the repository.
pub(crate) fn cluster_port() -> u16 {
    30_100 + u16::try_from(of_this_checkout() % 2000).unwrap()
}

/// A number that another checkout on this machine hardly has.
fn of_this_checkout() -> u64 {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut hasher);
    hasher.finish()
}

/// The tests' own cluster, deleted with this value: also when a test fails. One test has it at a time.
pub(crate) struct Cluster {
    _lock: File,
}

impl Cluster {
    /// What an earlier run that was killed may have left is deleted, too.
    pub(crate) fn none_yet() -> Self {
        fs::create_dir_all(shared_target()).unwrap();
        let lock = File::create(shared_target().join("cluster.lock")).unwrap();
        lock.lock().unwrap();
        Self::delete();
        Self { _lock: lock }
    }

    fn delete() {
        output(Command::new("kind").args(["delete", "cluster", "--name", &CLUSTER]));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        Self::delete();
    }
}

/// The container that is the cluster's node.
pub(crate) fn node() -> String {
    format!("{CLUSTER}-control-plane")
}

/// Asks the cluster, by way of the command on its node.
pub(crate) fn kubectl(args: &[&str]) -> String {
    let namespace = format!("--namespace={CLUSTER}-dev");
    let node = node();
    let kubectl = ["exec", &node, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", &namespace];
    output(Command::new("docker").args(kubectl).args(args))
}

/// The node's network, as a file.
pub(crate) fn network() -> String {
    let pid = output(Command::new("docker").args(["inspect", "--format={{.State.Pid}}", &node()]));
    format!("/proc/{}/ns/net", pid.trim())
}

/// Runs a script on the node.
pub(crate) fn on_node(script: &str) -> String {
    output(Command::new("docker").args(["exec", &node(), "sh", "-c", script]))
}

/// Waits until no process of another release runs: pods that were replaced serve for some more seconds what was sent
/// to them. They are listed for longer than they run, up to half a minute.
#[track_caller]
pub(crate) fn wait_until_all_are_of(release: &str) {
    let others = format!("{} | grep -qv '={release}$'", environment("RELEASE_ID"));
    let script = format!("while {others}; do sleep 0.3; done");
    output(Command::new("timeout").args(["60", "docker", "exec", &node(), "sh", "-c", &script]));
}

/// What a variable is in the pods' processes, each value once. The image has no shell: their node is asked.
pub(crate) fn environment_of_pods(variable: &str) -> Vec<String> {
    on_node(&environment(variable)).lines().map(str::to_owned).collect()
}

/// A command that tells that.
fn environment(variable: &str) -> String {
    format!(
        "for p in $(pgrep -x todo-api); do tr '\\0' '\\n' </proc/$p/environ; done | grep '^{variable}=' | sort -u"
    )
}

/// The release that all web pods belong to, but those that are on their way out.
#[track_caller]
pub(crate) fn release_of_pods() -> String {
    let pods = kubectl(&["get", "pods", "--selector=app.kubernetes.io/component=web", "--output=json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let pods = pods["items"].as_array().unwrap().iter().map(|pod| &pod["metadata"]);
    let staying = pods.filter(|pod| pod["deletionTimestamp"].is_null());
    let releases: BTreeSet<_> = staying.map(|pod| pod["annotations"][labels::RELEASE].as_str()).collect();
    assert_eq!(releases.len(), 1, "pods of several releases stay: {releases:?}");
    releases.into_iter().next().flatten().unwrap().to_owned()
}

/// The output of a command that must succeed.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
