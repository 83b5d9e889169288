//! Tells from what was seen whether a rollout goes on, has arrived, or will never arrive. Pure: it looks at
//! nothing but what it is given.

mod container;
mod job;
mod pod;

use std::time::{Duration, Instant};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::ResourceExt;
use xtask_contract::progress::Rollout;

pub(crate) use self::{
    job::{has_failed, job, job_left, job_overdue, start_verdict},
    pod::pod_health,
};
use xtask_run::Cause;

use crate::{
    belonging::{process_of, release_of},
    failure::Failure,
    seen::{Seen, is_ready, matters},
};

/// How a rollout stands.
#[derive(Debug, PartialEq)]
pub(crate) enum Health {
    /// It goes on; look again after this time even if nothing is told, as something may be overdue then.
    Going(Option<Duration>),
    /// All of it has arrived.
    Arrived,
    /// It never will.
    Failed(Failure),
}

/// How the Deployments of these names stand on their way to a release.
pub(crate) fn rollout(seen: &Seen, names: &[String], release: &str, now: Instant) -> Health {
    if !(seen.complete.0 && seen.complete.1) {
        return Health::Going(None);
    }
    let mut look_again = None;
    for name in names {
        if let Some(failure) = seen.deployments.get(name).and_then(|one| refused(name, one)) {
            return Health::Failed(failure);
        }
        for pod in seen.pods_of(name).filter(|pod| release_of(pod) == release) {
            match pod_health(seen, pod, now) {
                Health::Failed(failure) => return Health::Failed(failure),
                Health::Going(Some(after)) => {
                    look_again = Some(look_again.map_or(after, |known: Duration| known.min(after)));
                }
                Health::Going(None) | Health::Arrived => {}
            }
        }
    }
    if names.iter().all(|name| has_arrived(seen, name, release, now)) {
        Health::Arrived
    } else {
        Health::Going(look_again)
    }
}

/// A Deployment has arrived when the cluster has seen what was last asked of it, as many pods as it wants are of
/// this release and ready, and none of another one is left but those that are on their way out.
fn has_arrived(seen: &Seen, name: &str, release: &str, now: Instant) -> bool {
    let Some(deployment) = seen.deployments.get(name) else { return false };
    let mut pods = seen.pods_of(name);
    let is_up = |pod: &Pod| is_ready(pod) && pod::proving(seen, pod, now).is_none();
    is_settled(deployment) && pods.all(|pod| release_of(pod) == release && is_up(pod))
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

/// The last resort: whatever is not there at the deadline.
pub(crate) fn overdue(seen: &Seen, names: &[String], release: &str) -> Failure {
    let late = names.iter().find(|name| {
        let state = progress(seen, name, release);
        state.updated < state.wanted || state.ready < state.wanted || state.old > 0
    });
    let name = late.or(names.first()).map_or("", String::as_str);
    let state = progress(seen, name, release);
    let unready = seen.pods_of(name).find(|pod| release_of(pod) == release && !is_ready(pod));
    if let Some((pod, (container, what))) = unready.and_then(|pod| Some((pod, pod::delay(seen, pod)?))) {
        let why = format!("{what} at the deadline: {state}");
        let failure = Failure::new(Cause::DeadlineExceeded, name, Some(&pod.name_any()), why);
        return Failure { container: Some(container), events: seen.notes_of(&pod.name_any(), 5), ..failure };
    }
    let pod = unready.map(ResourceExt::name_any);
    let events = pod.as_ref().map_or_else(Vec::new, |pod| seen.notes_of(pod, 5));
    let why = format!("it has not arrived before the deadline: {state}");
    Failure { events, ..Failure::new(Cause::DeadlineExceeded, name, pod.as_deref(), why) }
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
