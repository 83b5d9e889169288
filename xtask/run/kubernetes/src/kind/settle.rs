//! Waits for what a cluster needs some time for after it was made or started.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use futures_util::{StreamExt, future::join};
use k8s_openapi::{
    api::core::v1::{Pod, PodStatus},
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{Config, Event, watcher},
    },
};
use tokio::time;

/// How long to wait at most. What is not ready by then is looked at by those who need it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until the pods of this namespace, and those that resolve names, have started after this moment and are
/// ready: a cluster whose node was stopped remembers the states of before, and for some seconds all pods seem to be
/// ready though none runs.
pub(super) async fn pods_again(client: &Client, namespace: &str, since: Timestamp) {
    let ours = ready(Api::namespaced(client.clone(), namespace), "", since, 0);
    let _ = time::timeout(PATIENCE, join(ours, ready(names(client), NAMES, since, 1))).await;
}

/// Waits until names are resolved: a cluster is made some seconds before its processes find one another.
pub(super) async fn names_resolve(client: &Client) {
    let _ = time::timeout(PATIENCE, ready(names(client), NAMES, Timestamp::MIN, 1)).await;
}

/// The label of the pods that resolve names.
const NAMES: &str = "k8s-app=kube-dns";

fn names(client: &Client) -> Api<Pod> {
    Api::namespaced(client.clone(), "kube-system")
}

/// Waits until all of these pods are ready, and there are at least so many. What is on its way out does not count.
async fn ready(pods: Api<Pod>, labels: &str, since: Timestamp, least: usize) {
    let mut events = pin!(watcher(pods, Config::default().labels(labels)).default_backoff());
    let mut up = BTreeMap::new();
    let mut all_known = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod) | Event::InitApply(pod)) if pod.metadata.deletion_timestamp.is_some() => {
                up.remove(&pod.name_any());
            }
            Ok(Event::Apply(pod) | Event::InitApply(pod)) => {
                up.insert(pod.name_any(), pod.status.as_ref().is_some_and(|status| is_up(status, since)));
            }
            Ok(Event::Delete(pod)) => drop(up.remove(&pod.name_any())),
            Ok(Event::InitDone) => all_known = true,
            Ok(Event::Init) | Err(_) => {}
        }
        if all_known && up.len() >= least && up.values().all(|up| *up) {
            return;
        }
    }
}

fn is_up(pod: &PodStatus, since: Timestamp) -> bool {
    if matches!(pod.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return true;
    }
    let containers = pod.container_statuses.as_deref().unwrap_or_default();
    !containers.is_empty()
        && containers.iter().all(|container| {
            let running = container.state.as_ref().and_then(|state| state.running.as_ref());
            let started = running.and_then(|running| running.started_at.as_ref());
            container.ready && started.is_some_and(|started| started.0 >= since)
        })
}
