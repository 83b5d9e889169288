//! What the kind target needs of the container engine that its nodes run in. The stage knows no engine: the
//! command line hands one in.

use std::future::Future;

use xtask_contract::Result;

/// A node of a kind cluster: a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The container's name.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
}

/// What a command on a node ended with.
#[derive(Debug, Clone)]
pub struct ExecOutput {
    /// The exit code; 0 if it succeeded.
    pub code: i64,
    /// Standard output and standard error, as they came.
    pub output: String,
}

/// The engine that the nodes run in.
pub trait Nodes {
    /// The nodes of a cluster, none if there is no such cluster.
    fn of_cluster(&self, cluster: &str) -> impl Future<Output = Result<Vec<Node>>>;

    /// Starts a node that was stopped.
    fn start(&self, node: &str) -> impl Future<Output = Result<()>>;

    /// Stops a node; its files are kept.
    fn stop(&self, node: &str) -> impl Future<Output = Result<()>>;

    /// Runs a command on a node with this standard input.
    fn exec(&self, node: &str, command: &[&str], input: Vec<u8>) -> impl Future<Output = Result<ExecOutput>>;

    /// Copies an image of the engine's own into a node, under the same name; false if the engine has none.
    fn copy_image(&self, image: &str, node: &str) -> impl Future<Output = Result<bool>>;
}
