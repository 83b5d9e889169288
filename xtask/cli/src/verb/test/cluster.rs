//! The kind cluster that the tests share. Each of them makes it if it is not there; what makes all of them run takes it
//! away.

use std::process::Stdio;

use tokio::process::Command;
use xtask_contract::{Callee, Digest, Repo};

/// The cluster of this checkout's tests, whether or not it is there.
pub(super) struct TestCluster {
    pub(super) name: String,
}

impl TestCluster {
    pub(super) fn of(repo: &Repo) -> Self {
        let digest = Digest::of(repo.root().as_os_str().as_encoded_bytes()).hex();
        Self { name: format!("xtask-test-{}", &digest[..6]) }
    }

    /// Deletes it, if it is there: also what a call that was killed has left.
    pub(super) async fn delete(&self) {
        let clusters = kind().args(["get", "clusters"]).stderr(Stdio::null()).output().await;
        let there = clusters.is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).lines().any(|cluster| cluster == self.name)
        });
        if there {
            let mut delete = kind();
            delete.args(["delete", "cluster", "--name", &self.name]);
            let _ = delete.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        }
    }
}

fn kind() -> Command {
    Command::from(Callee::Kind.command("kind"))
}
