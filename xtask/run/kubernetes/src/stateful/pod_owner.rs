//! What is concluded of a backing service's object and its pods. Pure.

use k8s_openapi::api::{
    apps::v1::{DaemonSet, StatefulSet},
    core::v1::Pod,
};
use kube::ResourceExt;
use serde_json::Value;

use crate::{
    containers::{Container, containers},
    seen::is_ready,
};

/// The label of a StatefulSet's pods with the version of its template that they were made from.
const REVISION: &str = "controller-revision-hash";

/// What can be changed in a pod's template without starting the pod anew for it.
const WITHOUT_RESTART: [&str; 5] =
    ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "terminationGracePeriodSeconds"];
/// Lists of a pod to which the cluster adds something of its own.
const EXTENDED: [&str; 4] = ["volumes", "volumeMounts", "tolerations", "imagePullSecrets"];

/// An object that keeps pods.
pub(crate) trait PodOwner {
    /// How many pods it is to have, if the cluster has seen what was asked of it last and all of them are up to date.
    fn settled(&self) -> Option<usize>;

    /// Whether all of its pods are ready: what is on its way out does not count.
    fn is_up(&self, own: &[&Pod]) -> bool {
        let ready = own.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod));
        self.settled().is_some_and(|wanted| ready.count() >= wanted)
    }
}

impl PodOwner for StatefulSet {
    fn settled(&self) -> Option<usize> {
        let (spec, status) = (self.spec.as_ref()?, self.status.as_ref()?);
        let wanted = spec.replicas.unwrap_or(1);
        // Where pods are only exchanged when they are deleted, those of an earlier version stay.
        let current = changes_on_delete(self)
            || status.update_revision == status.current_revision
            || status.updated_replicas.unwrap_or(0) >= wanted;
        let is_settled = status.observed_generation >= self.metadata.generation
            && current
            && status.ready_replicas.unwrap_or(0) >= wanted;
        usize::try_from(wanted).ok().filter(|_| is_settled)
    }
}

impl PodOwner for DaemonSet {
    fn settled(&self) -> Option<usize> {
        let status = self.status.as_ref()?;
        let wanted = status.desired_number_scheduled;
        let is_settled = status.observed_generation >= self.metadata.generation
            && wanted > 0
            && status.updated_number_scheduled.unwrap_or(0) >= wanted
            && status.number_ready >= wanted;
        usize::try_from(wanted).ok().filter(|_| is_settled)
    }
}

fn changes_on_delete(set: &StatefulSet) -> bool {
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
    strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("OnDelete"))
}

/// Whether a pod is kept by the object of this name: a neighbour's pods may be labelled the same.
pub(crate) fn keeps(name: &str, pod: &Pod) -> bool {
    let owners = ["StatefulSet", "DaemonSet"];
    pod.owner_references().iter().any(|owner| owner.name == name && owners.contains(&owner.kind.as_str()))
}

/// Whether a pod has failed and is only tried again after a while. One that runs is starting, however slowly.
pub(crate) fn is_stuck(pod: &Pod) -> bool {
    let is_stuck = |container: &Container<'_>| {
        let making = ["ContainerCreating", "PodInitializing"];
        let backs_off =
            container.waits_for().is_some_and(|(reason, _)| !reason.is_empty() && !making.contains(&reason));
        backs_off || (container.ended().is_some() && !container.is_done())
    };
    pod.metadata.deletion_timestamp.is_none() && containers(pod).any(|container| is_stuck(&container))
}

/// Whether a pod lacks the labels by which a deploy's pods are selected.
pub(crate) fn lacks_labels(wanted: &[(&'static str, String)], pod: &Pod) -> bool {
    wanted.iter().any(|(label, value)| pod.labels().get(*label) != Some(value))
}

/// Whether a pod is of an earlier version of the StatefulSet that differs in what the pod is made of: it has to be
/// started anew. No database is stopped for a label or a probe.
pub(crate) fn is_outdated(set: &StatefulSet, pod: &Pod) -> bool {
    let newest = set.status.as_ref().and_then(|status| status.update_revision.as_ref());
    let template = set.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let (Some(template), Some(made)) = (template, pod.spec.as_ref()) else { return false };
    let [template, made] = [template, made].map(|spec| serde_json::to_value(spec).unwrap_or_default());
    changes_on_delete(set)
        && pod.metadata.deletion_timestamp.is_none()
        && pod.labels().get(REVISION) != newest
        && !is_made_of("", &template, &made)
}

fn is_made_of(key: &str, template: &Value, made: &Value) -> bool {
    match (template, made) {
        (Value::Object(parts), Value::Object(_)) => parts.iter().all(|(key, part)| {
            WITHOUT_RESTART.contains(&key.as_str())
                || made.get(key).map_or(part.is_null(), |made| is_made_of(key, part, made))
        }),
        (Value::Array(items), Value::Array(own)) => {
            (EXTENDED.contains(&key) || items.len() == own.len())
                && items.iter().all(|item| own.iter().any(|own| is_made_of(key, item, own)))
        }
        _ => template == made,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn set(strategy: &str) -> Value {
        json!({ "metadata": { "name": "postgres", "generation": 2 },
            "spec": { "serviceName": "postgres", "selector": {}, "updateStrategy": { "type": strategy },
                "template": { "metadata": { "labels": { "a": "b" } }, "spec": {
                    "terminationGracePeriodSeconds": 180,
                    "containers": [{ "name": "postgres", "image": "postgres:17", "args": ["-p", "5432"],
                        "startupProbe": { "periodSeconds": 1 } }] } } },
            "status": { "observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "currentRevision": "p-1",
                "updateRevision": "p-2" } })
    }

    /// A pod of the version before, which the cluster has completed.
    fn pod() -> Value {
        let container = json!({ "name": "postgres", "image": "postgres:17", "args": ["-p", "5432"],
            "terminationMessagePath": "/dev/termination-log", "volumeMounts": [{ "name": "t", "mountPath": "/t" }] });
        json!({ "metadata": { "name": "postgres-0", "labels": { REVISION: "p-1" },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "postgres", "uid": "u" }] },
            "spec": { "terminationGracePeriodSeconds": 60, "hostname": "postgres-0", "volumes": [{ "name": "data" }],
                "containers": [container] },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] } })
    }

    fn up(set: Value, pods: &[Value]) -> bool {
        let pods: Vec<Pod> = pods.iter().map(|pod| from_value(pod.clone()).unwrap()).collect();
        from_value::<StatefulSet>(set).unwrap().is_up(&pods.iter().collect::<Vec<_>>())
    }

    #[test]
    fn what_is_on_its_way_out_is_not_up_though_it_is_ready() {
        let mut ending = pod();
        ending["metadata"]["deletionTimestamp"] = json!("2011-04-06T20:32:17Z");
        assert!(up(set("OnDelete"), &[pod()]));
        assert!(!up(set("OnDelete"), &[ending]));
        assert!(!up(set("OnDelete"), &[]));
        assert!(!up(set("RollingUpdate"), &[pod()]), "its pod is yet to be exchanged");
        let mut unseen = set("OnDelete");
        unseen["metadata"]["generation"] = json!(3);
        assert!(!up(unseen, &[pod()]));
    }

    #[test]
    fn a_database_is_not_stopped_for_a_label_or_a_probe() {
        let outdated = |edit: &dyn Fn(&mut Value, &mut Value)| {
            let (mut set, mut pod) = (set("OnDelete"), pod());
            edit(&mut set, &mut pod);
            is_outdated(&from_value(set).unwrap(), &from_value(pod).unwrap())
        };
        let image = |set: &mut Value, image: &str| {
            set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        };
        assert!(!outdated(&|_, _| ()));
        assert!(outdated(&|set, _| image(set, "postgres:18")));
        assert!(outdated(&|set, _| {
            set["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["-p"]);
        }));
        assert!(!outdated(&|set, pod| {
            image(set, "postgres:18");
            pod["metadata"]["labels"][REVISION] = json!("p-2");
        }));
        assert!(!outdated(&|set, _| {
            image(set, "postgres:18");
            set["spec"]["updateStrategy"]["type"] = json!("RollingUpdate");
        }));
    }

    #[test]
    fn only_what_waits_for_another_try_is_started_over() {
        let with = |state: Value, restarts: u32| {
            let mut pod = pod();
            let container = json!({ "name": "postgres", "ready": false, "restartCount": restarts, "image": "", "imageID": "" });
            pod["status"] = json!({ "containerStatuses": [container] });
            pod["status"]["containerStatuses"][0]["state"] = state;
            pod
        };
        let stuck = |pod: Value| is_stuck(&from_value(pod).unwrap());
        let waits = |why: &str| json!({ "waiting": { "reason": why } });
        let running = json!({ "running": { "startedAt": "2011-04-06T20:32:17Z" } });
        assert!(stuck(with(waits("ErrImageNeverPull"), 0)) && stuck(with(waits("CrashLoopBackOff"), 3)));
        assert!(stuck(with(json!({ "terminated": { "exitCode": 1 } }), 0)));
        assert!(!stuck(with(waits("ContainerCreating"), 0)) && !stuck(with(running.clone(), 0)));
        assert!(!stuck(with(running, 2)), "it is starting again: a database recovers");
        let mut ending = with(waits("CrashLoopBackOff"), 3);
        ending["metadata"]["deletionTimestamp"] = json!("2011-04-06T20:32:17Z");
        assert!(!stuck(ending));
    }

    #[test]
    fn a_neighbour_s_pod_is_not_kept() {
        let kept = |pod: &Value| keeps("postgres", &from_value(pod.clone()).unwrap());
        let mut stranger = pod();
        assert!(kept(&stranger));
        stranger["metadata"]["ownerReferences"][0]["kind"] = json!("ReplicaSet");
        assert!(!kept(&stranger));
        stranger["metadata"].as_object_mut().unwrap().remove("ownerReferences");
        assert!(!kept(&stranger));
    }
}
