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
    api::LogParams,
    runtime::{
        WatchStreamExt,
        watcher::{Config, watch_object, watcher},
    },
};
use tokio::time;
use xtask_contract::Progress;

use super::{
    Site,
    api_error::words,
    failure::{Cause, Failure},
    judge::{self, Verdict},
    seen::{Seen, containers, release_of},
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
        let look_again = match judge::rollout(&seen, names, release, now) {
            Verdict::Arrived => {
                show(&seen, names, release, progress);
                return Ok(());
            }
            Verdict::Failed(failure) => return Err(with_log(&pods, failure).await),
            Verdict::Going(after) => after.map_or(deadline, |after| deadline.min(now + after)),
        };
        show(&seen, names, release, progress);
        if now >= deadline {
            let failure = overdue(&seen, names, release);
            return Err(with_log(&pods, failure).await);
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
    loop {
        let now = Instant::now();
        let mut look_again = deadline;
        for pod in seen.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            match judge::pod_verdict(&seen, pod, now) {
                Verdict::Failed(failure) => return Err(with_log(&pods, failure).await),
                Verdict::Going(Some(after)) => look_again = look_again.min(now + after),
                Verdict::Going(None) | Verdict::Arrived => {}
            }
        }
        if now >= deadline {
            let why = "it is not done before the deadline";
            return Err(with_log(&pods, of_job(&seen, Cause::DeadlineExceeded, name, why)).await);
        }
        tokio::select! {
            biased;
            Some(state) = states.next() => match state {
                Ok(Some(job)) if has(&job, "Complete") => return Ok(()),
                Ok(Some(job)) if has(&job, "Failed") => {
                    // The pod that failed may not have been told of yet.
                    let listed = pods.list(&kube::api::ListParams::default().labels(&format!("job-name={name}"))).await;
                    for pod in listed.map(|list| list.items).unwrap_or_default() {
                        seen.pods.insert(pod.name_any(), pod);
                    }
                    return Err(with_log(&pods, of_job(&seen, Cause::MigrationFailed, name, "it failed")).await);
                }
                Ok(_) => {}
                Err(error) => progress.detail(&words_of(&error)),
            },
            Some(event) = pod_events.next() => told(event, progress, |event| seen.pod(event, Instant::now())),
            Some(event) = notes.next() => told(event, progress, |event| seen.event(event)),
            () = time::sleep_until(look_again.into()) => {}
        }
    }
}

/// Waits until no pod of a release is left, not even one on its way out.
pub(crate) async fn pods_gone(site: &Site<'_>, release: &str, patience: Duration) -> bool {
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let ours = Config::default().labels(&site.selector());
    let mut events = pin!(watcher(pods, ours).default_backoff());
    let mut seen = Seen::default();
    let gone = async {
        while let Some(event) = events.next().await {
            if let Ok(event) = event {
                seen.pod(event, Instant::now());
            }
            let left = |pod: &Pod| release_of(pod) == release && !is_over(pod);
            if seen.complete.1 && !seen.pods.values().any(left) {
                return;
            }
        }
    };
    time::timeout(patience, gone).await.is_ok()
}

/// Whether nothing of a pod runs any more: a Job's pod stays after its end.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
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
        E::WatchError(status) => super::api_error::said(status),
        E::NoResourceVersion => xtask_contract::error::chain(error),
    }
}

fn show(seen: &Seen, names: &[String], release: &str, progress: &dyn Progress) {
    if seen.complete.0 && seen.complete.1 {
        let all: Vec<_> = names.iter().map(|name| judge::progress(seen, name, release)).collect();
        progress.rollout(&all);
    }
}

/// The last resort: whatever is not there by now.
fn overdue(seen: &Seen, names: &[String], release: &str) -> Failure {
    let late = names.iter().find(|name| {
        let state = judge::progress(seen, name, release);
        state.updated < state.wanted || state.ready < state.wanted || state.old > 0
    });
    let name = late.or(names.first()).cloned().unwrap_or_default();
    let state = judge::progress(seen, &name, release);
    let pod = seen.pods_of(&name).find(|pod| release_of(pod) == release).map(ResourceExt::name_any);
    let events = pod.as_ref().map_or_else(Vec::new, |pod| seen.notes_of(pod, 5));
    let why = format!("it has not arrived before the deadline: {state}");
    Failure { events, ..Failure::new(Cause::DeadlineExceeded, &name, pod.as_deref(), why) }
}

/// What failed is the Job's newest pod.
fn of_job(seen: &Seen, cause: Cause, name: &str, why: &str) -> Failure {
    let newest = seen.pods.values().max_by_key(|pod| pod.metadata.creation_timestamp.clone());
    let end = newest.and_then(|pod| {
        let state = containers(pod).first()?.state.as_ref()?;
        state.terminated.clone()
    });
    let pod = newest.map(ResourceExt::name_any);
    let (cause, why) = match &end {
        Some(end) if end.reason.as_deref() == Some("OOMKilled") => {
            (Cause::OutOfMemory, "it needed more memory than it may have".to_owned())
        }
        Some(end) => (cause, format!("{why}, with exit code {}", end.exit_code)),
        None => (cause, why.to_owned()),
    };
    let events = pod.as_ref().map_or_else(Vec::new, |pod| seen.notes_of(pod, 5));
    Failure { events, ..Failure::new(cause, name, pod.as_deref(), why) }
}

pub(crate) fn has(job: &Job, name: &str) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == name && one.status == "True"))
}

/// Adds the last lines of the pod's output: of the container before, if it was restarted.
async fn with_log(pods: &Api<Pod>, failure: Failure) -> Failure {
    let Some(pod) = &failure.pod else { return failure };
    let last = |previous| LogParams {
        tail_lines: Some(TAIL),
        previous,
        container: failure.container.clone(),
        ..LogParams::default()
    };
    // While a container is being exchanged, neither may be there to be read from for a moment.
    for _ in 0..LOOKS {
        for previous in [true, false] {
            match pods.logs(pod, &last(previous)).await {
                Ok(text) if !text.trim().is_empty() && !text.starts_with("unable to retrieve") => {
                    return Failure { log: text.lines().map(str::to_owned).collect(), ..failure };
                }
                _ => {}
            }
        }
        time::sleep(PAUSE).await;
    }
    failure
}
