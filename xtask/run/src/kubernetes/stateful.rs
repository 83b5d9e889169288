//! Backing services on the cluster (a `StatefulSet` or `DaemonSet` each), and what may keep one from starting.

use std::{
    fmt::Debug,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, StatefulSet},
    core::v1::{Event, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        watcher::{Config, watch_object, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time;
use xtask_contract::{Error, Result, labels};

use super::{
    Site,
    api_error::ApiContext,
    containers::{Container, containers},
    judge::{self, Verdict},
    seen::Seen,
};

/// The last resort: no backing service takes longer.
const DEADLINE: Duration = Duration::from_mins(5);

/// Deletes pods that an earlier run left in a state that they leave only after minutes, if at all.
pub(crate) async fn start_over(site: &Site<'_>, component: &str) -> Result<()> {
    let doing = || format!("looking at the pods of {component}");
    let api: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let waits = |container: &Container<'_>| {
        let starting = ["ContainerCreating", "PodInitializing", ""];
        container.waits_for().is_some_and(|(reason, _)| !starting.contains(&reason))
    };
    for pod in api.list(&ListParams::default().labels(&of(component))).await.asked(doing)? {
        if containers(&pod).any(|container| waits(&container) || container.restarts() > 0) {
            api.delete(&pod.name_any(), &DeleteParams::default()).await.asked(doing)?;
        }
    }
    Ok(())
}

/// Whether a StatefulSet is there and its pods are all ready.
pub(crate) async fn is_up(site: &Site<'_>, name: &str) -> Result<bool> {
    let api: Api<StatefulSet> = Api::namespaced(site.client.clone(), site.namespace);
    let set = api.get_opt(name).await.asked(|| format!("reading the StatefulSet {name}"))?;
    Ok(set.as_ref().is_some_and(Keeper::has_all))
}

/// An object that keeps pods.
pub(crate) trait Keeper {
    /// Whether all of its pods are up to date and ready.
    fn has_all(&self) -> bool;
}

impl Keeper for StatefulSet {
    fn has_all(&self) -> bool {
        let wanted = self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        self.status.as_ref().is_some_and(|status| {
            let current = status.update_revision == status.current_revision
                || status.updated_replicas.unwrap_or(0) >= wanted;
            status.observed_generation >= self.metadata.generation
                && current
                && status.ready_replicas.unwrap_or(0) >= wanted
        })
    }
}

impl Keeper for DaemonSet {
    fn has_all(&self) -> bool {
        self.status.as_ref().is_some_and(|status| {
            let wanted = status.desired_number_scheduled;
            status.observed_generation >= self.metadata.generation
                && wanted > 0
                && status.updated_number_scheduled.unwrap_or(0) >= wanted
                && status.number_ready >= wanted
        })
    }
}

/// Waits until the pods of a backing service are ready.
pub(crate) async fn ready<K>(site: &Site<'_>, name: &str) -> Result<()>
where
    K: Keeper
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
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = Instant::now();
        let mut look_again = deadline;
        for pod in seen.pods_of(name) {
            match judge::pod_verdict(&seen, pod, now) {
                Verdict::Failed(failure) => return Err(failure.error(doing())),
                Verdict::Going(Some(after)) => look_again = look_again.min(now + after),
                Verdict::Going(None) | Verdict::Arrived => {}
            }
        }
        if now >= deadline {
            return Err(too_late(&doing()));
        }
        tokio::select! {
            biased;
            Some(state) = states.next() => {
                if matches!(&state, Ok(Some(set)) if set.has_all()) {
                    return Ok(());
                }
            }
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
