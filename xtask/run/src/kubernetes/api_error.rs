//! What the Kubernetes API says when it refuses, without the rest of its answer.

use kube::core::Status;
use xtask_contract::{Error, Result, error};

/// Says what was being done when the Kubernetes API failed.
pub(crate) trait ApiContext<T> {
    /// Turns the API's error into an [`Error`] with this description of what was being done.
    fn asked<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T>;
}

impl<T> ApiContext<T> for kube::Result<T> {
    fn asked<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| Error::failed(doing(), words(&error)))
    }
}

/// The error in words.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => said(status),
        other => error::chain(other),
    }
}

/// A refusal in words.
pub(crate) fn said(status: &Status) -> String {
    format!("the cluster says: {} ({})", status.message, status.code)
}

/// The status code of a refusal; none if the API did not answer.
pub(crate) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
