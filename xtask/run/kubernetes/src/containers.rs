//! The containers of a pod, each with what is asked of it and what the cluster says of it. They are known by their
//! names: who adds one to a pod decides where it stands among the others.

use std::fmt;

use k8s_openapi::{
    api::core::v1::{
        Container as Spec, ContainerStateRunning, ContainerStateTerminated, ContainerStatus, Pod, PodStatus,
        Probe,
    },
    jiff::Timestamp,
};
use kube::ResourceExt;
use xtask_contract::labels;

use crate::belonging::process_of;

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It must end well before the next one begins.
    Init,
    /// It is started among those, and runs as long as the pod does (Kubernetes 1.28 and later).
    Sidecar,
    Main,
}

/// A container's name with its kind: `init container first`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    kind: Kind,
    pub(crate) name: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Init => "init container",
            Kind::Sidecar => "sidecar",
            Kind::Main => "container",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// A container of a pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'a> {
    pub(crate) kind: Kind,
    spec: &'a Spec,
    status: Option<&'a ContainerStatus>,
}

/// All containers of a pod, in the order in which they are started.
pub(crate) fn containers(pod: &Pod) -> impl Iterator<Item = Container<'_>> {
    let spec = pod.spec.iter();
    let before = spec.clone().flat_map(|spec| spec.init_containers.iter().flatten()).map(|spec| {
        let sidecar = spec.restart_policy.as_deref() == Some("Always");
        let kind = if sidecar { Kind::Sidecar } else { Kind::Init };
        let status = status(pod, &spec.name, |status| &status.init_container_statuses);
        Container { kind, spec, status }
    });
    let main = spec.flat_map(|spec| &spec.containers).map(|spec| {
        let status = status(pod, &spec.name, |status| &status.container_statuses);
        Container { kind: Kind::Main, spec, status }
    });
    before.chain(main)
}

fn status<'a>(
    pod: &'a Pod,
    name: &str,
    of_kind: impl Fn(&'a PodStatus) -> &'a Option<Vec<ContainerStatus>>,
) -> Option<&'a ContainerStatus> {
    let all = of_kind(pod.status.as_ref()?).as_ref()?;
    all.iter().find(|status| status.name == name)
}

/// The container that runs the deploy's program: the one that the pod names, that has the name of its process type, or
/// the first one (in that order: releases of before name none).
pub(crate) fn own(pod: &Pod) -> Option<Container<'_>> {
    let main = || containers(pod).filter(|container| container.kind == Kind::Main);
    let named = |name: Option<&str>| main().find(|container| Some(container.name()) == name);
    named(pod.annotations().get(labels::OWN_CONTAINER).map(String::as_str))
        .or_else(|| named(process_of(pod)))
        .or_else(|| main().next())
}

impl<'a> Container<'a> {
    pub(crate) fn name(&self) -> &'a str {
        &self.spec.name
    }

    pub(crate) fn full_name(&self) -> Name {
        Name { kind: self.kind, name: self.spec.name.clone() }
    }

    pub(crate) fn image(&self) -> &'a str {
        self.spec.image.as_deref().unwrap_or_default()
    }

    /// The image that it was made from, as the node names it.
    pub(crate) fn image_id(&self) -> Option<&'a str> {
        self.status.map(|status| status.image_id.as_str())
    }

    pub(crate) fn spec(&self) -> &'a Spec {
        self.spec
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status.is_some_and(|status| status.ready)
    }

    /// Whether it runs, and its startup probe, if it has one, has succeeded.
    pub(crate) fn is_started(&self) -> bool {
        self.status.is_some_and(|status| status.started == Some(true))
    }

    pub(crate) fn restarts(&self) -> i32 {
        self.status.map_or(0, |status| status.restart_count)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running().is_some()
    }

    /// Since when it runs, if that was told.
    pub(crate) fn running_since(&self) -> Option<Timestamp> {
        self.running()?.started_at.as_ref().map(|time| time.0)
    }

    fn running(&self) -> Option<&'a ContainerStateRunning> {
        self.status?.state.as_ref()?.running.as_ref()
    }

    /// Its end, if it does not run any more or again.
    pub(crate) fn ended(&self) -> Option<&'a ContainerStateTerminated> {
        self.status?.state.as_ref()?.terminated.as_ref()
    }

    /// The end before its last start.
    pub(crate) fn ended_before(&self) -> Option<&'a ContainerStateTerminated> {
        self.status?.last_state.as_ref()?.terminated.as_ref()
    }

    /// What it waits for: a reason and a message.
    pub(crate) fn waits_for(&self) -> Option<(&'a str, Option<&'a str>)> {
        let waiting = self.status?.state.as_ref()?.waiting.as_ref()?;
        Some((waiting.reason.as_deref().unwrap_or_default(), waiting.message.as_deref()))
    }

    /// Whether it is one that ends, and has done so well.
    pub(crate) fn is_done(&self) -> bool {
        self.kind == Kind::Init && self.ended().is_some_and(|end| end.exit_code == 0)
    }

    /// Whether it does what the pod waits for.
    pub(crate) fn is_well(&self) -> bool {
        self.is_done() || (self.kind != Kind::Init && self.is_ready())
    }

    /// The probes that say whether it is up; without any, it is up as soon as it runs.
    pub(crate) fn asked_by(&self) -> (Option<&'a Probe>, Option<&'a Probe>) {
        (self.spec.startup_probe.as_ref(), self.spec.readiness_probe.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn pod(annotation: Option<&str>, names: &[&str]) -> Pod {
        let containers: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        let mut pod = json!({
            "metadata": { "name": "web-1", "labels": { labels::COMPONENT: "web" } },
            "spec": { "initContainers": [{ "name": "web" }], "containers": containers },
        });
        if let Some(name) = annotation {
            pod["metadata"]["annotations"][labels::OWN_CONTAINER] = json!(name);
        }
        from_value(pod).unwrap()
    }

    #[test]
    fn the_container_of_the_program_is_found_by_its_name_wherever_it_stands() {
        let own = |annotation, names: &[&str]| own(&pod(annotation, names)).unwrap().name().to_owned();
        assert_eq!(own(None, &["web", "aside"]), "web");
        assert_eq!(own(None, &["aside", "web"]), "web");
        assert_eq!(own(Some("serve"), &["aside", "web", "serve"]), "serve");
        assert_eq!(own(Some("gone"), &["aside", "web"]), "web");
        assert_eq!(own(None, &["serve", "zeal"]), "serve");
    }
}
