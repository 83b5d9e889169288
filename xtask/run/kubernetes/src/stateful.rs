//! Backing services on the cluster (a `StatefulSet` or `DaemonSet` each), and what may keep one from starting.

mod pod_owner;

use std::{
    fmt::Debug,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Event, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        watcher::{Config, watch_object, watcher},
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time;
use xtask_contract::{Error, Progress, Result, ServiceName, labels};

use self::pod_owner::{PodOwner, is_outdated, is_stuck, keeps, lacks_labels};
use crate::{
    api_error::{ApiContext, code},
    health::{self, Health},
    managers::MANAGER,
    seen::Seen,
    site::Site,
};

/// The last resort: no backing service takes longer.
const DEADLINE: Duration = Duration::from_mins(5);

/// The pods that the object of this name keeps.
async fn pods_of(site: &Site<'_>, name: &str) -> Result<Vec<Pod>> {
    let api: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let list = api.list(&ListParams::default().labels(&of(name))).await;
    let mut pods = list.asked(|| format!("looking at the pods of {name}"))?.items;
    pods.retain(|pod| keeps(name, pod));
    Ok(pods)
}

/// Deletes pods that an earlier run left in a state that they leave only after minutes, if at all.
pub(crate) async fn start_over(site: &Site<'_>, name: &str) -> Result<()> {
    for pod in pods_of(site, name).await?.iter().filter(|pod| is_stuck(pod)) {
        delete(site, pod).await?;
    }
    Ok(())
}

/// Deletes a pod as it was seen: one that has changed meanwhile may be starting now.
async fn delete(site: &Site<'_>, pod: &Pod) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let seen = Preconditions { resource_version: pod.resource_version(), uid: pod.uid() };
    let params = DeleteParams { preconditions: Some(seen), ..DeleteParams::default() };
    match api.delete(&pod.name_any(), &params).await {
        Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(()),
        other => other.map(drop).asked(|| format!("deleting the pod {}", pod.name_any())),
    }
}

/// Gives pods of earlier releases the labels by which a deploy's pods are selected, before anything selects by them.
pub(crate) async fn label(site: &Site<'_>, service: Option<&ServiceName>, name: &str) -> Result<()> {
    let Some(service) = service else { return Ok(()) };
    let api: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let wanted = labels::of_pods(site.env, service);
    let all: Value = wanted.iter().map(|(label, value)| (*label, json!(value))).collect();
    let patch = Patch::Merge(json!({ "metadata": { "labels": all } }));
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    for pod in pods_of(site, name).await?.iter().filter(|pod| lacks_labels(&wanted, pod)) {
        let labelled = api.patch_metadata(&pod.name_any(), &params, &patch).await;
        labelled.map(drop).asked(|| format!("labelling the pod {}", pod.name_any()))?;
    }
    Ok(())
}

/// Whether the object that keeps a backing service is there and its pods are all ready.
pub(crate) async fn is_up<K>(site: &Site<'_>, name: &str) -> Result<bool>
where
    K: PodOwner
        + kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(site.client.clone(), site.namespace);
    let set = api.get_opt(name).await.asked(|| format!("reading the {} {name}", K::kind(&())))?;
    let Some(set) = set else { return Ok(false) };
    let pods = pods_of(site, name).await?;
    Ok(set.is_up(&pods.iter().collect::<Vec<_>>()))
}

/// Has pods made anew that are of an earlier version of a StatefulSet whose pods are only exchanged when they are
/// deleted, where that version is made of something else.
pub(crate) async fn renew(site: &Site<'_>, name: &str, progress: &dyn Progress) -> Result<()> {
    let sets: Api<StatefulSet> = Api::namespaced(site.client.clone(), site.namespace);
    let seen = async {
        let mut states = pin!(watch_object(sets, name).default_backoff());
        while let Some(state) = states.next().await {
            let Ok(Some(set)) = state else { continue };
            let observed = set.status.as_ref().and_then(|status| status.observed_generation);
            if observed >= set.metadata.generation {
                return Ok(Some(set));
            }
        }
        Ok(None)
    };
    let Some(set) = within_deadline(&format!("starting {name}"), seen).await? else { return Ok(()) };
    for pod in pods_of(site, name).await?.iter().filter(|pod| is_outdated(&set, pod)) {
        progress.step(&format!("starting {name} anew"));
        delete(site, pod).await?;
    }
    Ok(())
}

/// Waits until the pods of a backing service are ready.
pub(crate) async fn ready<K>(site: &Site<'_>, name: &str) -> Result<()>
where
    K: PodOwner
        + kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let doing = || format!("starting {name}");
    let sets: Api<K> = Api::namespaced(site.client.clone(), site.namespace);
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let notes: Api<Event> = Api::namespaced(site.client.clone(), site.namespace);
    let mut states = pin!(watch_object(sets, name).default_backoff());
    let mut pod_events = pin!(watcher(pods, Config::default().labels(&of(name))).default_backoff());
    let mut notes =
        pin!(watcher(notes, Config::default().fields("involvedObject.kind=Pod")).default_backoff());
    let mut seen = Seen::default();
    let mut owner: Option<K> = None;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = Instant::now();
        let mut look_again = deadline;
        let own: Vec<&Pod> = seen.pods.values().filter(|pod| keeps(name, pod)).collect();
        if seen.complete.1 && owner.as_ref().is_some_and(|owner| owner.is_up(&own)) {
            return Ok(());
        }
        for pod in own.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            match health::pod_health(&seen, pod, now) {
                Health::Failed(failure) => return Err(failure.error(doing())),
                Health::Going(Some(after)) => look_again = look_again.min(now + after),
                Health::Going(None) | Health::Arrived => {}
            }
        }
        if now >= deadline {
            return Err(too_late(&doing()));
        }
        tokio::select! {
            biased;
            Some(state) = states.next() => if let Ok(state) = state { owner = state },
            Some(Ok(event)) = pod_events.next() => seen.pod(event, Instant::now()),
            Some(Ok(event)) = notes.next() => seen.event(event),
            () = time::sleep_until(look_again.into()) => {}
        }
    }
}

/// Waits until an object is deleted.
pub(crate) async fn gone<K>(api: Api<K>, name: &str) -> Result<()>
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let gone = async {
        let mut states = pin!(watch_object(api, name).default_backoff());
        while !matches!(states.next().await, Some(Ok(None)) | None) {}
        Ok(())
    };
    within_deadline(&format!("deleting {name}"), gone).await
}

/// Gives something until the deadline to come to its end.
pub(crate) async fn within_deadline<T>(doing: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    time::timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(too_late(doing)))
}

fn of(component: &str) -> String {
    format!("{}={component}", labels::COMPONENT)
}

fn too_late(doing: &str) -> Error {
    Error::failed(doing, format!("it is not done after {} s", DEADLINE.as_secs()))
        .next("see what its pods say (`kubectl get events`); the same command goes on from there")
}
