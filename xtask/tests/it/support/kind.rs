//! The tests' own kind cluster, and questions to it.

use std::{
    collections::BTreeSet,
    env, fmt,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    process::Command,
    sync::LazyLock,
    thread,
};

use serde_json::Value;
use xtask_contract::labels;

use super::{checkout::Checkout, record, template::shared_target};

/// The name of the tests' own kind cluster, which is nobody's deploy: the one that `cargo xtask test` names and takes
/// away when all is done, or else one of this checkout, which each test makes and takes away.
pub(crate) const CLUSTER: ClusterName = ClusterName;

/// See [`CLUSTER`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterName;

impl Deref for ClusterName {
    type Target = str;

    fn deref(&self) -> &str {
        static NAME: LazyLock<String> = LazyLock::new(|| {
            let own = || format!("xtask-e2e-{:03x}", number_of(env!("CARGO_MANIFEST_DIR")) % 4096);
            shared().unwrap_or_else(own)
        });
        &NAME
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The name of the cluster that all tests share, if there is one.
fn shared() -> Option<String> {
    env::var("XTASK_TEST_CLUSTER").ok()
}

/// The port at which the deploy on it answers: one that Kubernetes has for this, and no deploy of the repository.
pub(crate) fn cluster_port() -> u16 {
    30_100 + u16::try_from(number_of(&CLUSTER) % 2000).unwrap()
}

/// A number that another text hardly has.
fn number_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The tests' own cluster. One test has it at a time. After one that failed it is deleted: the next one makes another.
pub(crate) struct Cluster {
    _lock: File,
}

impl Cluster {
    /// The cluster, or none yet, for a test that goes on where the one before stopped.
    pub(crate) fn as_it_is() -> Self {
        fs::create_dir_all(shared_target()).unwrap();
        let lock = File::create(shared_target().join("cluster.lock")).unwrap();
        lock.lock().unwrap();
        Self { _lock: lock }
    }

    /// The cluster with no deploy of the tests' on it, or none yet.
    pub(crate) fn empty() -> Self {
        Self::as_it_is().emptied()
    }

    /// The same cluster without any deploy of the tests'.
    pub(crate) fn emptied(self) -> Self {
        if let Some(checkout) = Checkout::left_as(&CLUSTER) {
            checkout.delete_left(&CLUSTER);
        }
        if shared().is_none() {
            Self::delete();
        } else if Self::exists() {
            let delete = ["delete", "namespace", "--ignore-not-found", &format!("{CLUSTER}-dev"), PROD];
            on_node(&format!("kubectl --kubeconfig=/etc/kubernetes/admin.conf {}", delete.join(" ")));
        }
        self
    }

    pub(crate) fn exists() -> bool {
        let clusters = output(Command::new("kind").args(["get", "clusters"]));
        clusters.lines().any(|cluster| cluster == &*CLUSTER)
    }

    fn delete() {
        output(Command::new("kind").args(["delete", "cluster", "--name", &CLUSTER]));
    }
}

/// The namespace of another deploy on it.
pub(crate) const PROD: &str = "xtask-e2e-prod";

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            let kubectl = "kubectl --kubeconfig=/etc/kubernetes/admin.conf";
            let seen =
                format!("{kubectl} get pods,jobs,events -A -o wide; {kubectl} get deployments -A -o yaml");
            record::keep_output("cluster", Command::new("docker").args(["exec", &node(), "sh", "-c", &seen]));
        }
        if thread::panicking() || shared().is_none() {
            Self::delete();
            if let Some(checkout) = Checkout::left_as(&CLUSTER) {
                checkout.delete_left(&CLUSTER);
            }
        }
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

/// An address at which the cluster's API is plain HTTP/1.1.
pub(crate) fn plain_api() -> String {
    on_node(
        "pgrep -x kubectl >/dev/null || nohup kubectl --kubeconfig=/etc/kubernetes/admin.conf proxy --port=8001 \
         --address=0.0.0.0 --accept-hosts='.*' --reject-paths='^$' >/dev/null 2>&1 & \
         timeout 60 bash -c 'until echo >/dev/tcp/127.0.0.1/8001; do sleep 0.1; done' 2>/dev/null",
    );
    let address = "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = output(Command::new("docker").args(["inspect", address, &node()]));
    format!("{}:8001", address.trim())
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
