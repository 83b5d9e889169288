//! Tells from what was seen whether a rollout goes on, has arrived, or will never arrive. Pure: it looks at
//! nothing but what it is given.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod, Probe},
};
use kube::ResourceExt;
use xtask_contract::progress::Rollout;

use super::{
    failure::{Cause, Failure},
    seen::{Seen, condition, containers, is_ready, matters, process_of, release_of},
};

/// How long a pod may wait for a node before it counts as one that none will take: longer than a cluster
/// autoscaler takes to announce that it will add one (it looks every 10 s).
const UNSCHEDULABLE: Duration = Duration::from_secs(12);

/// What a container waits for that will not come.
const NO_IMAGE: [&str; 3] = ["ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"];
const NO_START: [&str; 3] = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
/// The words by which a registry says that asking again is no use.
const FINAL: [&str; 6] = ["not found", "manifest unknown", "unauthorized", "denied", "forbidden", "no such"];

/// How a rollout stands.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It goes on; look again after this time even if nothing is told, as something may be overdue then.
    Going(Option<Duration>),
    /// All of it has arrived.
    Arrived,
    /// It never will.
    Failed(Failure),
}

/// How the Deployments of these names stand on their way to a release.
pub(crate) fn rollout(seen: &Seen, names: &[String], release: &str, now: Instant) -> Verdict {
    if !(seen.complete.0 && seen.complete.1) {
        return Verdict::Going(None);
    }
    let mut look_again = None;
    for name in names {
        if let Some(failure) = seen.deployments.get(name).and_then(|one| refused(name, one)) {
            return Verdict::Failed(failure);
        }
        for pod in seen.pods_of(name).filter(|pod| release_of(pod) == release) {
            match pod_verdict(seen, pod, now) {
                Verdict::Failed(failure) => return Verdict::Failed(failure),
                Verdict::Going(Some(after)) => {
                    look_again = Some(look_again.map_or(after, |known: Duration| known.min(after)));
                }
                Verdict::Going(None) | Verdict::Arrived => {}
            }
        }
    }
    if names.iter().all(|name| has_arrived(seen, name, release)) {
        Verdict::Arrived
    } else {
        Verdict::Going(look_again)
    }
}

/// A Deployment has arrived when the cluster has seen what was last asked of it, as many pods as it wants are of
/// this release and ready, and none of another one is left but those that are on their way out.
fn has_arrived(seen: &Seen, name: &str, release: &str) -> bool {
    let Some(deployment) = seen.deployments.get(name) else { return false };
    let mut pods = seen.pods_of(name);
    is_settled(deployment) && pods.all(|pod| release_of(pod) == release && is_ready(pod))
}

/// Whether all pods of a Deployment are up to date and ready, and none of another version is left.
pub(crate) fn is_settled(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    let wanted = replicas(deployment);
    status.observed_generation >= deployment.metadata.generation
        && [status.replicas, status.updated_replicas, status.available_replicas]
            .iter()
            .all(|count| count.unwrap_or(0) == wanted)
}

/// How many pods a Deployment is to have.
pub(crate) fn replicas(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// How a process type stands, for people to look at.
pub(crate) fn progress(seen: &Seen, name: &str, release: &str) -> Rollout {
    let count = |wanted: &dyn Fn(&Pod) -> bool| seen.pods_of(name).filter(|pod| wanted(pod)).count();
    let of_release = |pod: &Pod| release_of(pod) == release;
    let notes = seen.notes.iter().rev();
    let latest = notes.filter(|note| matters(&note.reason)).find(|note| {
        seen.pods.get(&note.pod).is_some_and(|pod| process_of(pod) == Some(name) && of_release(pod))
    });
    Rollout {
        process: name.to_owned(),
        wanted: seen.deployments.get(name).map_or(0, |one| usize::try_from(replicas(one)).unwrap_or(0)),
        updated: count(&of_release),
        ready: count(&|pod| of_release(pod) && is_ready(pod)),
        old: count(&|pod| !of_release(pod)),
        latest: latest.map(|note| format!("{}: {}", note.reason, note.message.trim())),
    }
}

/// The cluster refuses to make the Deployment's pods.
fn refused(name: &str, deployment: &Deployment) -> Option<Failure> {
    let status = deployment.status.as_ref()?;
    if status.observed_generation < deployment.metadata.generation {
        return None; // what it says is about what was asked for before
    }
    let all = status.conditions.as_ref()?;
    let told = |kind: &str, value: &str| all.iter().find(|one| one.type_ == kind && one.status == value);
    if let Some(refusal) = told("ReplicaFailure", "True") {
        let message = refusal.message.clone().unwrap_or_default();
        let quota = message.contains("exceeded quota");
        let cause = if quota { Cause::QuotaExceeded } else { Cause::AdmissionRefused };
        return Some(Failure::new(cause, name, None, format!("its pods are not let in: {message}")));
    }
    None
}

/// Whether a pod is on its way to being ready, or will never be.
pub(crate) fn pod_verdict(seen: &Seen, pod: &Pod, now: Instant) -> Verdict {
    let (name, process) = (pod.name_any(), process_of(pod).unwrap_or_default());
    let fail_in = |container: Option<&ContainerStatus>, cause, reason: String| {
        let (events, container) = (seen.notes_of(&name, 5), container.map(|one| one.name.clone()));
        Verdict::Failed(Failure { container, events, ..Failure::new(cause, process, Some(&name), reason) })
    };
    let fail = |cause, reason| fail_in(None, cause, reason);
    let waits = seen.in_state_for(&name, now);
    if let Some(("False", "Unschedulable", message)) = condition(pod, "PodScheduled") {
        let noted = |reason: &str| seen.notes.iter().any(|note| note.pod == name && note.reason == reason);
        if noted("TriggeredScaleUp") || noted("Nominated") {
            return Verdict::Going(None); // a node is being made for it
        }
        return if waits >= UNSCHEDULABLE || noted("NotTriggerScaleUp") {
            fail(Cause::Unschedulable, format!("no node takes it: {message}"))
        } else {
            Verdict::Going(Some(UNSCHEDULABLE.saturating_sub(waits)))
        };
    }
    for container in containers(pod) {
        let probe_failed = seen
            .notes
            .iter()
            .rev()
            .find(|note| note.pod == name && note.reason == "Killing" && note.message.contains("probe"));
        if let Some((cause, reason)) = container_failure(container, seen.ever_ready.contains(&name)) {
            return match (cause, probe_failed) {
                (Cause::ExitAtStart | Cause::CrashLoop, Some(note)) => {
                    fail_in(Some(container), Cause::ProbeFailed, note.message.clone())
                }
                _ => fail_in(Some(container), cause, reason),
            };
        }
        if let Some(note) = probe_failed.filter(|_| container.restart_count > 0 || !container.ready) {
            return fail_in(Some(container), Cause::ProbeFailed, note.message.clone());
        }
    }
    if is_ready(pod) || containers(pod).is_empty() {
        return Verdict::Going(None);
    }
    let late = containers(pod).iter().filter(|container| !container.ready && is_running(container));
    let allowed = late.filter_map(|container| Some((container, allowance(pod, &container.name)?)));
    match allowed.min_by_key(|(_, allowed)| *allowed) {
        Some((container, allowed)) if waits >= allowed => {
            let seconds = allowed.as_secs();
            let why =
                format!("it is not ready {seconds} s after its start, which is all that its probes allow");
            fail_in(Some(container), Cause::ProbeFailed, why)
        }
        Some((_, allowed)) => Verdict::Going(Some(allowed.saturating_sub(waits))),
        None => Verdict::Going(None),
    }
}

/// Why a container will not come up, if that is certain.
fn container_failure(container: &ContainerStatus, was_ready: bool) -> Option<(Cause, String)> {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
    let message = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or("no message");
    let told = |what: &str| format!("{what} ({reason}: {message})");
    let lower = message.to_lowercase();
    if NO_IMAGE.contains(&reason)
        || (reason == "ErrImagePull" && FINAL.iter().any(|word| lower.contains(word)))
    {
        return Some((
            Cause::ImageUnavailable,
            told(&format!("its image {} cannot be had", container.image)),
        ));
    }
    // A kubelet that has not yet heard of a new object asks again.
    if NO_START.contains(&reason) && !lower.contains("failed to sync") {
        return Some((Cause::ConfigRefused, told("its container cannot be made")));
    }
    let now = ended(container.state.as_ref());
    let before = ended(container.last_state.as_ref());
    if let Some(killed) =
        [now, before].into_iter().flatten().find(|end| end.reason.as_deref() == Some("OOMKilled"))
    {
        let code = killed.exit_code;
        return Some((
            Cause::OutOfMemory,
            format!("it needed more memory than it may have (exit code {code})"),
        ));
    }
    // The first restart comes at once; an end after that is no accident.
    let again = reason == "CrashLoopBackOff" || (container.restart_count > 0 && now.is_some());
    let end = now.or(before).filter(|_| again)?;
    let code = end.exit_code;
    Some(if was_ready {
        (
            Cause::CrashLoop,
            format!("it ended again and again after it had been ready, last with exit code {code}"),
        )
    } else {
        (
            Cause::ExitAtStart,
            format!("it ended before it was ready, and again after a restart, with exit code {code}"),
        )
    })
}

fn ended(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    state.and_then(|state| state.terminated.as_ref())
}

fn is_running(container: &ContainerStatus) -> bool {
    container.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// How long a container may run before it is ready, as its own probes say: as long as the startup probe allows, and
/// then until the readiness probe has failed as often as it may. Without a startup probe there is no saying.
fn allowance(pod: &Pod, container: &str) -> Option<Duration> {
    let container = pod.spec.as_ref()?.containers.iter().find(|known| known.name == container)?;
    let startup = lasts(container.startup_probe.as_ref()?);
    Some(startup + container.readiness_probe.as_ref().map_or(Duration::ZERO, lasts))
}

/// initialDelaySeconds + (failureThreshold + 1) × (periodSeconds, or timeoutSeconds where that is longer): the first
/// probe may come up to a period after the start.
fn lasts(probe: &Probe) -> Duration {
    let number = |value: Option<i32>, default| u64::try_from(value.unwrap_or(default)).unwrap_or(0);
    let each = number(probe.period_seconds, 10).max(number(probe.timeout_seconds, 1));
    Duration::from_secs(
        number(probe.initial_delay_seconds, 0) + (number(probe.failure_threshold, 3) + 1) * each,
    )
}

#[cfg(test)]
mod tests;
