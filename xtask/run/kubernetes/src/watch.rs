//! Follows what the cluster does by watching it, until it is certain how it ends.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, LogParams},
    runtime::{
        WatchStreamExt,
        watcher::{Config, watch_object, watcher},
    },
};
use tokio::time;
use xtask_contract::Progress;

use crate::{
    api_error::words,
    belonging::release_of,
    failure::Failure,
    health::{self, Health},
    logs,
    seen::{Seen, Stage, stage},
    site::Site,
};

/// Lines of output that a failure shows.
const TAIL: i64 = 20;
/// How often output is looked for, and the pause between.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// Follows the Deployments of these names until all of them have arrived at a release.
pub(crate) async fn rollout(
    site: &Site<'_>,
    names: &[String],
    release: &str,
    deadline: Instant,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let deployments: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let ours = Config::default().labels(&site.selector());
    let mut deployment_events = pin!(watcher(deployments, ours.clone()).default_backoff());
    let mut pod_events = pin!(watcher(pods.clone(), ours).default_backoff());
    let mut notes = pin!(events(site));
    let mut seen = Seen::default();
    loop {
        let now = Instant::now();
        let look_again = match health::rollout(&seen, names, release, now) {
            Health::Arrived => {
                show(&seen, names, release, progress);
                return Ok(());
            }
            Health::Failed(failure) => return Err(with_log(&pods, failure).await),
            Health::Going(after) => after.map_or(deadline, |after| deadline.min(now + after)),
        };
        show(&seen, names, release, progress);
        if now >= deadline {
            return Err(with_log(&pods, health::overdue(&seen, names, release)).await);
        }
        tokio::select! {
            Some(event) = deployment_events.next() => told(event, progress, |event| seen.deployment(event)),
            Some(event) = pod_events.next() => told(event, progress, |event| seen.pod(event, Instant::now())),
            Some(event) = notes.next() => told(event, progress, |event| seen.event(event)),
            () = time::sleep_until(look_again.into()) => {}
        }
    }
}

/// Follows a Job until it is done.
pub(crate) async fn job(
    site: &Site<'_>,
    name: &str,
    deadline: Instant,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let jobs: Api<Job> = Api::namespaced(site.client.clone(), site.namespace);
    let its = Config::default().labels(&format!("job-name={name}"));
    let mut states = pin!(watch_object(jobs, name).default_backoff());
    let mut pod_events = pin!(watcher(pods.clone(), its).default_backoff());
    let mut notes = pin!(events(site));
    let mut seen = Seen::default();
    let mut state = None;
    let mut listed = false;
    loop {
        let now = Instant::now();
        let health = state.as_ref().map_or(Health::Going(None), |job| health::job(&seen, job, now));
        let look_again = match health {
            Health::Arrived => {
                let left = state.as_ref().and_then(|job| health::job_left(&seen, job));
                left.inspect(|left| progress.note(left));
                return Ok(());
            }
            // The pod that failed, or how its container ended, may not have been told of yet.
            Health::Failed(Failure { container: None, .. }) if !listed => {
                listed = true;
                for pod in pods_of_job(&pods, name).await {
                    seen.pods.insert(pod.name_any(), pod);
                }
                continue;
            }
            Health::Failed(failure) => return Err(with_log(&pods, failure).await),
            Health::Going(after) => after.map_or(deadline, |after| deadline.min(now + after)),
        };
        if now >= deadline {
            return Err(with_log(&pods, health::job_overdue(&seen, name)).await);
        }
        tokio::select! {
            Some(event) = states.next() => told(event, progress, |job| state = job),
            Some(event) = pod_events.next() => told(event, progress, |event| seen.pod(event, Instant::now())),
            Some(event) = notes.next() => told(event, progress, |event| seen.event(event)),
            () = time::sleep_until(look_again.into()) => {}
        }
    }
}

/// Whether a Job that is there has failed.
pub(crate) async fn has_failed(site: &Site<'_>, job: &Job) -> bool {
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    health::has_failed(job, &pods_of_job(&pods, &job.name_any()).await)
}

async fn pods_of_job(pods: &Api<Pod>, name: &str) -> Vec<Pod> {
    let its = ListParams::default().labels(&format!("job-name={name}"));
    pods.list(&its).await.map(|list| list.items).unwrap_or_default()
}

/// How long processes may take to end that were deleted: longer than any grace period of theirs is likely to be.
const ENDING: Duration = Duration::from_mins(2);

/// Waits until no pod of a release is left, not even one on its way out.
pub(crate) async fn pods_gone(site: &Site<'_>, release: &str, patience: Duration) -> bool {
    left_after(site, patience, |pod| release_of(pod) == release).await.is_empty()
}

/// Waits until no process of the deploy is left; the pods of those that take too long. Backing services may stay.
pub(crate) async fn processes_left(site: &Site<'_>) -> Vec<String> {
    let is_service = |pod: &Pod| pod.owner_references().iter().any(|owner| owner.kind == "StatefulSet");
    left_after(site, ENDING, |pod| !is_service(pod)).await
}

/// The names of those of the deploy's pods that have not ended after a while.
async fn left_after(site: &Site<'_>, patience: Duration, counts: impl Fn(&Pod) -> bool) -> Vec<String> {
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let ours = Config::default().labels(&site.selector());
    let mut events = pin!(watcher(pods, ours).default_backoff());
    let mut seen = Seen::default();
    let gone = async {
        while let Some(event) = events.next().await {
            if let Ok(event) = event {
                seen.pod(event, Instant::now());
            }
            let left = |pod: &Pod| counts(pod) && stage(pod) != Stage::Ended;
            if seen.complete.1 && !seen.pods.values().any(left) {
                return;
            }
        }
    };
    if time::timeout(patience, gone).await.is_ok() {
        return Vec::new();
    }
    let left = seen.pods.values().filter(|pod| counts(pod) && stage(pod) != Stage::Ended);
    left.map(ResourceExt::name_any).collect()
}

/// What the cluster notes about the pods.
pub(crate) fn events(
    site: &Site<'_>,
) -> impl futures_util::Stream<Item = kube::runtime::watcher::Result<kube::runtime::watcher::Event<Event>>> + use<>
{
    let api: Api<Event> = Api::namespaced(site.client.clone(), site.namespace);
    watcher(api, Config::default().fields("involvedObject.kind=Pod")).default_backoff()
}

/// Errors are passing ones: the watch starts again by itself.
fn told<T>(event: kube::runtime::watcher::Result<T>, progress: &dyn Progress, take: impl FnOnce(T)) {
    match event {
        Ok(event) => take(event),
        Err(error) => progress.detail(&words_of(&error)),
    }
}

fn words_of(error: &kube::runtime::watcher::Error) -> String {
    use kube::runtime::watcher::Error as E;
    match error {
        E::InitialListFailed(error) | E::WatchStartFailed(error) | E::WatchFailed(error) => words(error),
        E::WatchError(status) => crate::api_error::said(status),
        E::NoResourceVersion => xtask_contract::error::chain(error),
    }
}

fn show(seen: &Seen, names: &[String], release: &str, progress: &dyn Progress) {
    if seen.complete.0 && seen.complete.1 {
        let all: Vec<_> = names.iter().map(|name| health::progress(seen, name, release)).collect();
        progress.rollout(&all);
    }
}

/// Adds the last lines of the pod's output: of the container before, if it was restarted.
async fn with_log(pods: &Api<Pod>, failure: Failure) -> Failure {
    let Some(pod) = &failure.pod else { return failure };
    let last = |previous| LogParams {
        tail_lines: Some(TAIL),
        previous,
        container: failure.container.as_ref().map(|container| container.name.clone()),
        ..LogParams::default()
    };
    // While a container is being exchanged, neither may be there to be read from for a moment.
    for _ in 0..LOOKS {
        for previous in [true, false] {
            let log = logs::written(pods, pod, last(previous)).await;
            if log.iter().any(|line| !line.trim().is_empty()) {
                return Failure { log, ..failure };
            }
        }
        time::sleep(PAUSE).await;
    }
    failure
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        future::ready,
        sync::atomic::{AtomicU32, Ordering},
    };

    use hyper::{Request, Response};
    use kube::{Client, client::Body};
    use tower::service_fn;
    use xtask_run::Cause;

    use super::*;

    /// As a node tells of a log that has just been moved away.
    const UNREADABLE: &str = "failed to try resolving symlinks in path \"/var/log/pods/web/0.log\": lstat: no such file or directory";
    const LOG: &str =
        "2011-04-06T20:32:17.5Z panicked at src/main.rs:1:\n2011-04-06T20:32:17.5Z no database\n";

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn what_a_node_says_of_a_log_that_it_cannot_read_is_not_what_the_process_wrote() {
        let asked = AtomicU32::new(0);
        let node = service_fn(move |request: Request<Body>| {
            assert!(request.uri().query().unwrap().contains("timestamps=true"), "{request:?}");
            let text = if asked.fetch_add(1, Ordering::Relaxed) < 3 { UNREADABLE } else { LOG };
            ready(Ok::<_, Infallible>(Response::new(Body::from(text.as_bytes().to_vec()))))
        });
        let pods = Api::namespaced(Client::new(node, "todo"), "todo");
        let failure = Failure::new(Cause::CrashLoop, "web", Some("web-1"), "it ended");
        let log = with_log(&pods, failure).await.log;
        assert_eq!(log, ["panicked at src/main.rs:1:", "no database"]);
    }
}
