//! The status of a Job. It follows from the container that runs the deploy's program: what else is in its pod may never
//! end, and a Job says that it is done only once all of it has.

use std::time::Instant;

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::ResourceExt;

use super::{
    Health,
    container::out_of_memory,
    pod::{delay, in_container, in_pod, of_containers},
};
use xtask_run::Cause;

use crate::{
    containers::{Container, Kind, containers, own},
    failure::Failure,
    seen::{Seen, Stage, has_ended, stage},
};

/// How a Job stands.
pub(crate) fn job(seen: &Seen, job: &Job, now: Instant) -> Health {
    if has(job, "Complete") || pods(seen, job).any(succeeded) {
        return Health::Arrived;
    }
    if let Some((pod, container)) = pods(seen, job).find_map(|pod| final_failure(job, pod)) {
        return Health::Failed(ended(seen, pod, &container));
    }
    if has(job, "Failed") {
        return Health::Failed(failed(seen, job));
    }
    let mut look_again = None;
    for pod in pods(seen, job).filter(|pod| stage(pod) == Stage::Here) {
        match start_verdict(seen, pod, now) {
            Health::Failed(failure @ Failure { cause: Cause::ExitAtStart | Cause::CrashLoop, .. }) => {
                return Health::Failed(Failure { cause: Cause::MigrationFailed, ..failure });
            }
            Health::Going(after) => look_again = [look_again, after].into_iter().flatten().min(),
            other => return other,
        }
    }
    Health::Going(look_again)
}

/// Whether the program in a pod will ever start, or go on.
pub(crate) fn start_verdict(seen: &Seen, pod: &Pod, now: Instant) -> Health {
    of_containers(seen, pod, now, |container| decides(pod, container))
}

/// Whether a Job has failed for good, by what is known of its pods; it may itself not say so yet, or ever.
pub(crate) fn has_failed(job: &Job, pods: &[Pod]) -> bool {
    let pods = || pods.iter().filter(|pod| is_of(pod, job));
    !pods().any(succeeded) && (has(job, "Failed") || pods().any(|pod| final_failure(job, pod).is_some()))
}

/// What still runs of a Job that is done, in words.
pub(crate) fn job_left(seen: &Seen, job: &Job) -> Option<String> {
    let pod = pods(seen, job).find(|pod| succeeded(pod))?;
    let runs = containers(pod).find(|container| container.kind == Kind::Main && container.is_running())?;
    let (job, pod) = (job.name_any(), pod.name_any());
    Some(format!(
        "{job} is done, and not waited for: {} of its pod {pod}, which still runs",
        runs.full_name()
    ))
}

/// What a Job is at that is not done at the deadline.
pub(crate) fn job_overdue(seen: &Seen, name: &str) -> Failure {
    let why = "it is not done before the deadline";
    let newest = seen.pods.values().max_by_key(|pod| pod.metadata.creation_timestamp.clone());
    let Some(pod) = newest else { return Failure::new(Cause::DeadlineExceeded, name, None, why) };
    let own = own(pod).filter(Container::is_running).map(|own| (own.full_name(), "it still runs".to_owned()));
    let failure = in_pod(seen, pod, Cause::DeadlineExceeded, why.into());
    match own.or_else(|| delay(seen, pod)) {
        Some((container, what)) => {
            Failure { container: Some(container), reason: format!("{what} at the deadline"), ..failure }
        }
        None => failure,
    }
}

fn pods<'a>(seen: &'a Seen, job: &'a Job) -> impl Iterator<Item = &'a Pod> {
    seen.pods.values().filter(|pod| is_of(pod, job))
}

/// Whether a pod is of this very Job: one that was made again has the name of the one before.
fn is_of(pod: &Pod, job: &Job) -> bool {
    pod.owner_references().iter().any(|owner| Some(&owner.uid) == job.metadata.uid.as_ref())
}

/// Whether a Job has a condition.
fn has(job: &Job, name: &str) -> bool {
    condition(job, name).is_some()
}

fn condition<'a>(job: &'a Job, name: &str) -> Option<&'a k8s_openapi::api::batch::v1::JobCondition> {
    let all = job.status.as_ref()?.conditions.as_ref()?;
    all.iter().find(|one| one.type_ == name && one.status == "True")
}

fn succeeded(pod: &Pod) -> bool {
    own(pod).and_then(|own| own.ended()).is_some_and(|end| end.exit_code == 0)
}

/// The container that has failed a pod, if nobody starts it again.
fn final_failure<'a>(job: &Job, pod: &'a Pod) -> Option<(&'a Pod, Container<'a>)> {
    let only_try = job.spec.as_ref().and_then(|spec| spec.backoff_limit) == Some(0)
        && pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()) == Some("Never");
    // A terminating pod does not count as failed: a user or a controller has deleted it.
    if only_try && stage(pod) != Stage::Leaving { culprit(pod).map(|one| (pod, one)) } else { None }
}

/// The container that has failed: that of the program, or one that comes before it.
fn culprit(pod: &Pod) -> Option<Container<'_>> {
    let has_failed = |one: &Container<'_>| one.ended().is_some_and(|end| end.exit_code != 0);
    let before = || containers(pod).find(|one| one.kind == Kind::Init && has_failed(one));
    own(pod).filter(has_failed).or_else(|| before().filter(|_| has_ended(pod)))
}

/// Whether a container keeps the program of a Job from its end: it is that itself, or comes before it.
fn decides(pod: &Pod, container: &Container<'_>) -> bool {
    let own = own(pod);
    let begun = own.is_some_and(|own| own.is_running() || own.ended().is_some());
    own.is_some_and(|own| own.name() == container.name() && own.kind == container.kind)
        || (container.kind != Kind::Main && !begun)
}

/// What failed is in the Job's newest pod.
fn failed(seen: &Seen, job: &Job) -> Failure {
    let newest = pods(seen, job).max_by_key(|pod| pod.metadata.creation_timestamp.clone());
    if let Some((pod, container)) = newest.and_then(|pod| Some((pod, culprit(pod)?))) {
        return ended(seen, pod, &container);
    }
    let why = condition(job, "Failed").and_then(|one| one.message.clone().or_else(|| one.reason.clone()));
    let why = why.map_or_else(|| "it failed".to_owned(), |why| format!("it failed: {why}"));
    match newest {
        Some(pod) => in_pod(seen, pod, Cause::MigrationFailed, why),
        None => Failure::new(Cause::MigrationFailed, &job.name_any(), None, why),
    }
}

fn ended(seen: &Seen, pod: &Pod, container: &Container<'_>) -> Failure {
    let end = container.ended();
    if let Some(why) = end.and_then(out_of_memory) {
        return in_container(seen, pod, container, Cause::OutOfMemory, why);
    }
    let code = end.map_or(0, |end| end.exit_code);
    in_container(seen, pod, container, Cause::MigrationFailed, format!("it failed, with exit code {code}"))
}
