//! Where on a cluster a deploy is.

use kube::Client;
use xtask_contract::{EnvName, ObjectKind, labels};

/// Where a deploy is: all of its objects are in one namespace of one cluster.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) client: &'a Client,
    pub(crate) env: &'a EnvName,
    pub(crate) namespace: &'a str,
    /// The kinds of objects that the deploy's rules allow beside the usual ones.
    pub(crate) further: &'a [ObjectKind],
}

impl Site<'_> {
    /// Finds all of the deploy's objects and pods.
    pub(crate) fn selector(&self) -> String {
        format!("{},{}={}", labels::OURS, labels::DEPLOY, self.env)
    }
}
