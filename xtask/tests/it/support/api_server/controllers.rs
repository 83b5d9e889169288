//! What a cluster does by itself: Deployments, `StatefulSet`s and Jobs get their pods, pods come up and go.
//!
//! It does so in rounds. In each, every pod comes one state further on its way, and then each controller looks once at
//! the pods that there are and does what follows from them. Controllers also do that after each change.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use serde_json::{Value, json};

use super::{
    pods::{self, Course},
    store::{Object, Store, now},
};

/// The controllers, and how pods fare.
pub(crate) struct Controllers {
    course: Box<dyn Fn(&Value) -> Course + Send>,
    /// How many states of its course each pod has seen, by its UID.
    places: BTreeMap<String, usize>,
}

impl Controllers {
    pub(super) fn new() -> Self {
        Self { course: Box::new(pods::good), places: BTreeMap::new() }
    }

    /// From now on this says which states a pod goes through.
    pub(crate) fn pods_go(&mut self, course: impl Fn(&Value) -> Course + Send + 'static) {
        self.course = Box::new(course);
    }

    /// One round; false if nothing was left to be done.
    pub(super) fn go_on(&mut self, store: &mut Store) -> bool {
        let before = store.version;
        self.pods_come_and_go(store);
        keep_pods(store);
        store.version != before
    }

    fn pods_come_and_go(&mut self, store: &mut Store) {
        for pod in store.all("pods") {
            if is_leaving(&pod) {
                store.remove(&pod);
            } else if is_orphan(store, &pod) {
                leave(store, &pod);
            } else {
                let place = self.places.entry(text(&pod["metadata"]["uid"])).or_default();
                if let Some(state) = (self.course)(&pod).get(*place) {
                    *place += 1;
                    set_status(store, &pod, state.clone());
                }
            }
        }
    }
}

/// Each controller does what follows from the pods that there are.
pub(super) fn keep_pods(store: &mut Store) {
    for deployment in store.all("deployments") {
        roll_out(store, &deployment);
    }
    for set in store.all("statefulsets") {
        keep_set(store, &set);
    }
    for job in store.all("jobs") {
        run_job(store, &job);
    }
}

/// Pods of the new template come first, all at once; those of older ones go when as many are ready as are wanted.
fn roll_out(store: &mut Store, deployment: &Value) {
    let template = &deployment["spec"]["template"];
    let hash = hash_of(template);
    let wanted = count(&deployment["spec"]["replicas"], 1);
    let is_new = |pod: &Object| pod["metadata"]["labels"]["pod-template-hash"] == hash.as_str();
    let (new, old): (Vec<Object>, Vec<Object>) = pods_of(store, deployment).into_iter().partition(is_new);
    if deployment["spec"]["paused"] != true {
        for _ in new.len()..wanted {
            let name = format!("{}-{hash}-{:05}", text(&deployment["metadata"]["name"]), store.version);
            let mut pod = pod(deployment, &name);
            pod["metadata"]["labels"]["pod-template-hash"] = json!(hash);
            store.put(pod);
        }
        let arrived = new.iter().filter(|pod| is_ready(pod)).count() >= wanted;
        let leaving = new.iter().skip(wanted).chain(old.iter().filter(|_| arrived));
        leaving.for_each(|pod| leave(store, pod));
    }
    let staying = pods_of(store, deployment);
    let ready = staying.iter().filter(|pod| is_ready(pod)).count();
    let done = staying.iter().all(|pod| is_new(pod) && is_ready(pod)) && staying.len() == wanted;
    let reason = if done { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" };
    let before = &deployment["status"]["conditions"][0];
    let since = if before["reason"] == reason { text(&before["lastUpdateTime"]) } else { now() };
    let progressing = json!({
        "type": "Progressing", "status": "True", "reason": reason, "lastUpdateTime": since,
        "lastTransitionTime": deployment["metadata"]["creationTimestamp"],
    });
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"], "replicas": staying.len(),
        "updatedReplicas": staying.iter().filter(|pod| is_new(pod)).count(),
        "readyReplicas": ready, "availableReplicas": ready, "conditions": [progressing],
    });
    set_status(store, deployment, status);
}

/// A pod for each number; one of an older template makes way.
fn keep_set(store: &mut Store, set: &Value) {
    let hash = hash_of(&set["spec"]["template"]);
    let wanted = count(&set["spec"]["replicas"], 1);
    let revision = format!("{}-{hash}", text(&set["metadata"]["name"]));
    let is_new = |pod: &Object| pod["metadata"]["labels"]["controller-revision-hash"] == revision.as_str();
    for number in 0..wanted {
        let name = format!("{}-{number}", text(&set["metadata"]["name"]));
        match store.get("pods", &text(&set["metadata"]["namespace"]), &name) {
            None => {
                let mut pod = pod(set, &name);
                pod["metadata"]["labels"]["controller-revision-hash"] = json!(revision);
                store.put(pod);
            }
            Some(pod) if !is_new(&pod) && !is_leaving(&pod) => leave(store, &pod),
            Some(_) => {}
        }
    }
    let pods = pods_of(store, set);
    let updated = pods.iter().filter(|pod| is_new(pod)).count();
    let status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": pods.len(), "updatedReplicas": updated,
        "readyReplicas": pods.iter().filter(|pod| is_ready(pod)).count(), "updateRevision": revision,
        "currentRevision": if updated == wanted { &revision } else { "before" },
    });
    set_status(store, set, status);
}

/// One pod, whose end is the Job's.
fn run_job(store: &mut Store, job: &Value) {
    if job["status"]["conditions"].is_array() {
        return;
    }
    let pods = pods_of(store, job);
    let Some(made) = pods.first() else {
        let name = text(&job["metadata"]["name"]);
        let mut pod = pod(job, &format!("{name}-{:05}", store.version));
        pod["metadata"]["labels"]["job-name"] = json!(name);
        store.put(pod);
        return;
    };
    let (condition, count) = match made["status"]["phase"].as_str() {
        Some("Succeeded") => ("Complete", "succeeded"),
        Some("Failed") => ("Failed", "failed"),
        _ => return,
    };
    let told =
        json!({ "type": condition, "status": "True", "lastProbeTime": now(), "lastTransitionTime": now() });
    let began = &job["metadata"]["creationTimestamp"];
    set_status(store, job, json!({ "startTime": began, "conditions": [told], count: 1 }));
}

/// A pod of this object's template.
fn pod(owner: &Value, name: &str) -> Value {
    let template = &owner["spec"]["template"];
    let owned_by = json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    });
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"],
    });
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = owner["metadata"]["namespace"].clone();
    pod["metadata"]["ownerReferences"] = json!([owned_by]);
    pod["status"] = json!({ "phase": "Pending", "qosClass": "Burstable" });
    pod
}

/// The object's pods that are not on their way out.
fn pods_of(store: &Store, owner: &Value) -> Vec<Object> {
    let is_of = |pod: &Object| *owner_of(pod) == owner["metadata"]["uid"] && !is_leaving(pod);
    store.all("pods").into_iter().filter(is_of).collect()
}

fn owner_of(pod: &Value) -> &Value {
    &pod["metadata"]["ownerReferences"][0]["uid"]
}

fn is_orphan(store: &Store, pod: &Value) -> bool {
    !owner_of(pod).is_null() && !store.has(owner_of(pod))
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

pub(super) fn is_leaving(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

/// From now on a pod is on its way out.
pub(super) fn leave(store: &mut Store, pod: &Value) {
    store.edit(pod, |pod| {
        pod["metadata"]["deletionTimestamp"] = json!(now());
        pod["metadata"]["deletionGracePeriodSeconds"] = pod["spec"]["terminationGracePeriodSeconds"].clone();
    });
}

/// Tells how an object stands. Numbers that are 0 are not written.
fn set_status(store: &mut Store, object: &Value, mut status: Value) {
    status.as_object_mut().unwrap().retain(|_, value| *value != 0);
    if object["status"] != status {
        store.edit(object, |object| object["status"] = status);
    }
}

fn hash_of(template: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    template.to_string().hash(&mut hasher);
    format!("{:08x}", hasher.finish() >> 32)
}

fn count(value: &Value, usual: usize) -> usize {
    value.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(usual)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
