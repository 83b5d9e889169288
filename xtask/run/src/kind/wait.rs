//! Waits for the cluster to have done what it was told, by watching; fails as soon as it is certain that it
//! will not.

use std::{pin::pin, time::Duration};

use super::api_error::ApiContext;
use futures_util::{Stream, StreamExt};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::{ContainerStatus, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, LogParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, watch_object, watcher},
    },
};
use tokio::time;
use xtask_contract::{Error, Progress, Result, release::RELEASE_ANNOTATION};

/// The last resort: nothing that this project runs takes longer.
const DEADLINE: Duration = Duration::from_mins(5);

/// Reasons for which a container waits and will go on waiting.
const HOPELESS: [&str; 6] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// Whether all pods of a Deployment are up to date and ready, and none of another version is left.
pub(super) fn is_settled(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let Some(status) = &deployment.status else { return false };
    is_observed(deployment)
        && [status.replicas, status.updated_replicas, status.available_replicas]
            .iter()
            .all(|count| count.unwrap_or(0) == wanted)
}

/// Whether a Deployment's status is about what was last asked of it.
fn is_observed(deployment: &Deployment) -> bool {
    deployment
        .status
        .as_ref()
        .is_some_and(|status| status.observed_generation >= deployment.metadata.generation)
}

/// Waits until a Deployment's rollout is done.
pub(super) async fn deployment(
    client: &Client,
    namespace: &str,
    name: &str,
    progress: &dyn Progress,
) -> Result<()> {
    let doing = format!("rolling out {name}");
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let settled = async {
        let mut states = pin!(watch_object(api.clone(), name).default_backoff());
        let mut last = String::new();
        while let Some(state) = states.next().await {
            let Ok(Some(deployment)) = state else { continue };
            if is_settled(&deployment) {
                break;
            }
            let words = in_words(name, &deployment);
            if words != last && is_observed(&deployment) {
                progress.step(&words);
                last = words;
            }
        }
    };
    let selector = format!("app.kubernetes.io/component={name}");
    let current = api.get(name).await.asked(|| format!("reading the Deployment {name}"))?;
    let release = current.annotations().get(RELEASE_ANNOTATION).cloned().unwrap_or_default();
    until(&doing, settled, failing_pod(client, namespace, &selector, &release)).await
}

fn in_words(name: &str, deployment: &Deployment) -> String {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let (all, new) = (status.replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    let old = (all - new).max(0);
    // The status does not tell new pods' readiness from old ones'; old ones stay ready until they are stopped.
    let ready = (status.available_replicas.unwrap_or(0) - old).clamp(0, new);
    format!("rolling out {name}: {new} of {wanted} new, {ready} ready, {old} old left")
}

/// Deletes pods that an earlier run left in a state that they leave only after minutes, if at all.
pub(super) async fn start_over(client: &Client, namespace: &str, component: &str) -> Result<()> {
    let doing = || format!("looking at the pods of {component}");
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let of_component = ListParams::default().labels(&format!("app.kubernetes.io/component={component}"));
    for pod in api.list(&of_component).await.asked(doing)? {
        let stuck = |reason: &str| reason == "ErrImagePull" || HOPELESS.contains(&reason);
        let failing = |container: &ContainerStatus| {
            waiting_reason(container).is_some_and(stuck) || container.restart_count > 0
        };
        if statuses(&pod).any(failing) {
            api.delete(&pod.name_any(), &DeleteParams::default()).await.asked(doing)?;
        }
    }
    Ok(())
}

/// Whether a StatefulSet's pods are all ready.
pub(super) async fn stateful_set_is_ready(client: &Client, namespace: &str, name: &str) -> Result<bool> {
    let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    Ok(has_all(&api.get(name).await.asked(|| format!("reading the StatefulSet {name}"))?))
}

fn has_all(set: &StatefulSet) -> bool {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    set.status.as_ref().is_some_and(|status| {
        let current = status.update_revision == status.current_revision
            || status.updated_replicas.unwrap_or(0) >= wanted;
        status.observed_generation >= set.metadata.generation
            && current
            && status.ready_replicas.unwrap_or(0) >= wanted
    })
}

/// Gives something until the deadline to come to its end.
pub(super) async fn within_deadline<T>(doing: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    time::timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(too_late(doing)))
}

/// Waits until a StatefulSet's pods are ready.
pub(super) async fn stateful_set(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    let ready = reaches(watch_object(api, name).default_backoff(), has_all);
    let selector = format!("app.kubernetes.io/component={name}");
    let started =
        until(&format!("starting {name}"), ready, failing_pod(client, namespace, &selector, "")).await;
    started.map_err(|error| {
        let hint = "if its image cannot be pulled here, name one that is in the Docker Engine: POSTGRES_IMAGE=… when \
                    you make the release, or services.postgres.image";
        if error.why.iter().any(|why| why.contains("Image")) { error.next(hint) } else { error }
    })
}

/// Waits until a Job is done.
pub(super) async fn job(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let api: Api<Job> = Api::namespaced(client.clone(), namespace);
    let mut states = pin!(watch_object(api, name).default_backoff());
    let ended = async {
        while let Some(state) = states.next().await {
            let Ok(Some(job)) = state else { continue };
            if has_condition(&job, "Complete") {
                return true;
            } else if has_condition(&job, "Failed") {
                return false;
            }
        }
        false
    };
    let doing = format!("running the Job {name}");
    match time::timeout(DEADLINE, ended).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::failed(doing, logs(client, namespace, &format!("job-name={name}")).await)
            .next("mend what its output says; the same command tries again")),
        Err(_) => Err(too_late(doing)),
    }
}

/// Whether a Job is there and has failed.
pub(super) async fn job_failed(client: &Client, namespace: &str, name: &str) -> Result<bool> {
    let api: Api<Job> = Api::namespaced(client.clone(), namespace);
    let job = api.get_opt(name).await.asked(|| format!("reading the Job {name}"))?;
    Ok(job.is_some_and(|job| has_condition(&job, "Failed")))
}

/// Waits until a Job is deleted.
pub(super) async fn job_gone(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let api: Api<Job> = Api::namespaced(client.clone(), namespace);
    let gone = async {
        let mut states = pin!(watch_object(api, name).default_backoff());
        while !matches!(states.next().await, Some(Ok(None)) | None) {}
    };
    until(&format!("deleting the Job {name}"), gone, std::future::pending()).await
}

fn has_condition(job: &Job, name: &str) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .is_some_and(|all| all.iter().any(|condition| condition.type_ == name && condition.status == "True"))
}

async fn reaches<K>(states: impl Stream<Item = watcher::Result<Option<K>>>, goal: impl Fn(&K) -> bool) {
    let mut states = pin!(states);
    while let Some(state) = states.next().await {
        // Errors are passing ones: the watch starts again by itself.
        if matches!(&state, Ok(Some(object)) if goal(object)) {
            return;
        }
    }
}

/// The last resort's error.
fn too_late(doing: impl Into<String>) -> Error {
    Error::failed(doing, format!("it is not done after {} s", DEADLINE.as_secs())).next(
        "see what its pods say (`kubectl --kubeconfig .xtask/kind/CLUSTER.kubeconfig get events --all-namespaces`); \
         the same command goes on from there",
    )
}

/// Waits for the good end, the bad end (a reason) or the deadline, whichever comes first.
async fn until(doing: &str, good: impl Future<Output = ()>, bad: impl Future<Output = String>) -> Result<()> {
    tokio::select! {
        biased;
        () = good => Ok(()),
        why = bad => Err(Error::failed(doing, why)),
        () = time::sleep(DEADLINE) => Err(too_late(doing)),
    }
}

/// Returns the reason when a pod of this release (of any, if it is empty) will never become ready.
async fn failing_pod(client: &Client, namespace: &str, selector: &str, release: &str) -> String {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut events =
        pin!(watcher(api.clone(), watcher::Config::default().labels(selector)).default_backoff());
    while let Some(event) = events.next().await {
        let Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) = event else { continue };
        let of_release = pod.annotations().get(RELEASE_ANNOTATION).map_or("", String::as_str) == release;
        if !of_release || pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        if let Some(why) = statuses(&pod).find_map(hopeless) {
            let said = pod_log(&api, &pod.name_any()).await;
            return format!("pod {}: {why}{said}", pod.name_any());
        }
    }
    std::future::pending().await
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().filter_map(|status| status.container_statuses.as_ref()).flatten()
}

fn waiting_reason(container: &ContainerStatus) -> Option<&str> {
    container.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}

fn hopeless(container: &ContainerStatus) -> Option<String> {
    let reason = waiting_reason(container).filter(|reason| HOPELESS.contains(reason))?;
    let message = container.state.as_ref()?.waiting.as_ref()?.message.as_deref();
    let ended = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let ended =
        ended.map_or_else(String::new, |ended| format!(", last ended with exit code {}", ended.exit_code));
    Some(format!("{reason}{ended}: {}", message.unwrap_or("no message")))
}

/// The last lines of the pods with this label.
async fn logs(client: &Client, namespace: &str, selector: &str) -> String {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let Ok(pods) = api.list(&ListParams::default().labels(selector)).await else {
        return "it failed, and its pods cannot be listed".into();
    };
    let newest = pods.items.iter().max_by_key(|pod| pod.metadata.creation_timestamp.clone());
    match newest {
        Some(pod) => format!("pod {} failed{}", pod.name_any(), pod_log(&api, &pod.name_any()).await),
        None => "it failed, and its pods are gone".into(),
    }
}

async fn pod_log(api: &Api<Pod>, name: &str) -> String {
    let last = |previous| LogParams { tail_lines: Some(20), previous, ..LogParams::default() };
    let text = match api.logs(name, &last(true)).await {
        Ok(text) if !text.is_empty() => text,
        _ => api.logs(name, &last(false)).await.unwrap_or_default(),
    };
    text.lines().fold(String::new(), |said, line| said + "\n    " + line)
}
