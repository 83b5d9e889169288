//! Which process type and release a pod is of.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use xtask_contract::labels;

/// The process type of a pod.
pub(crate) fn process_of(pod: &Pod) -> Option<&str> {
    pod.labels().get(labels::COMPONENT).map(String::as_str)
}

/// The release that a pod belongs to.
pub(crate) fn release_of(pod: &Pod) -> &str {
    pod.annotations().get(labels::RELEASE).map_or("", String::as_str)
}
