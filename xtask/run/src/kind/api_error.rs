//! What the Kubernetes API says when it refuses, without the rest of its answer.

use xtask_contract::{Error, Result, error};

/// Says what was being done when the Kubernetes API failed.
pub(super) trait ApiContext<T> {
    /// Turns the API's error into an [`Error`] with this description of what was being done.
    fn asked<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T>;
}

impl<T> ApiContext<T> for kube::Result<T> {
    fn asked<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| Error::failed(doing(), words(&error)))
    }
}

fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("the cluster says: {} ({})", status.message, status.code),
        other => error::chain(other),
    }
}
