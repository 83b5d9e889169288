//! What the Kubernetes API says when it refuses, without the rest of its answer.

use kube::core::Status;
use xtask_contract::{Error, Result, error};

use crate::connect::Unreached;

/// Says what was being done when the Kubernetes API failed.
pub(crate) trait ApiContext<T> {
    /// Turns the API's error into an [`Error`] with this description of what was being done.
    fn asked<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T>;
}

impl<T> ApiContext<T> for kube::Result<T> {
    fn asked<D: Into<String>>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| {
            let words = words(&error);
            match Unreached::beneath(&error) {
                Some((Some(told), hint)) => Error::failed(doing(), format!("{told}: {words}")).next(hint),
                Some((None, hint)) => Error::failed(doing(), words).next(hint),
                None => Error::failed(doing(), words),
            }
        })
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

/// Whether the cluster has looked at an object and said no, which asking again does not change. A field that no schema
/// knows is answered with 500 and no reason by server-side apply (kubernetes/kubernetes#139253).
pub(crate) fn is_refusal(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    match status.code {
        400 | 403 | 413 | 422 => true,
        500 => status.reason.is_empty() && status.message.contains("typed patch object"),
        _ => false,
    }
}

/// The status code of a refusal; none if the API did not answer.
pub(crate) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn an_object_that_the_cluster_does_not_take_is_refused_whatever_the_code() {
        let answer = |code: u16, reason: &str, message: &str| {
            let status = from_value(json!({ "code": code, "reason": reason, "message": message })).unwrap();
            is_refusal(&kube::Error::Api(Box::new(status)))
        };
        let unknown = "failed to create typed patch object: .spec.template.spec.contaners: field not declared in schema";
        let of_later_versions = "failed to create typed patch object (dev/web; apps/v1, Kind=Deployment): .spec.x: \
                                 field not declared in schema";
        assert!(answer(500, "", unknown) && answer(500, "", of_later_versions));
        assert!(answer(400, "BadRequest", "strict decoding error: unknown field \"spec.x\""));
        assert!(
            answer(422, "Invalid", "spec.selector: field is immutable") && answer(403, "Forbidden", "quota")
        );
        // These may be gone the next time.
        assert!(!answer(500, "InternalError", "failed calling webhook \"x\": connection refused"));
        assert!(!answer(500, "", "etcdserver: leader changed") && !answer(429, "TooManyRequests", "later"));
        assert!(!answer(409, "Conflict", "the object has been modified"));
    }
}
