//! Whether a pod is on its way to being ready.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, Probe};
use kube::ResourceExt;
use xtask_contract::settings::UP_BY_RUNNING;

use super::{Health, container};
use xtask_run::Cause;

use crate::{
    belonging::process_of,
    containers::{Container, Kind, Name, containers},
    failure::Failure,
    seen::{Seen, condition, is_ready},
};

/// How long a pod may wait for a node before it counts as one that none will take: longer than a cluster
/// autoscaler takes to announce that it will add one (it looks every 10 s).
pub(super) const UNSCHEDULABLE: Duration = Duration::from_secs(12);

/// Whether a pod is on its way to being ready, or will never be. Each of its containers counts.
pub(crate) fn pod_health(seen: &Seen, pod: &Pod, now: Instant) -> Health {
    match of_containers(seen, pod, now, |_| true) {
        Health::Going(None) if is_ready(pod) => Health::Going(proving(seen, pod, now)),
        other => other,
    }
}

/// How much longer a pod must be ready until that means anything: a container that no probe asks counts as ready from
/// its start, also when it ends at once.
pub(super) fn proving(seen: &Seen, pod: &Pod, now: Instant) -> Option<Duration> {
    let unasked = |one: &Container<'_>| one.kind != Kind::Init && one.asked_by() == (None, None);
    let unproven = containers(pod).any(|one| unasked(&one) && !seen.is_old_news(pod, &one));
    let proof = Duration::from_secs(UP_BY_RUNNING.into());
    let left = proof.saturating_sub(seen.in_state_for(&pod.name_any(), now));
    Some(left).filter(|left| unproven && !left.is_zero())
}

/// The same, as far as these containers decide it.
pub(super) fn of_containers(
    seen: &Seen,
    pod: &Pod,
    now: Instant,
    decides: impl Fn(&Container<'_>) -> bool,
) -> Health {
    if let Some(health) = unscheduled(seen, pod, now) {
        return health;
    }
    let deciding = || containers(pod).filter(&decides);
    for one in deciding() {
        if let Some((cause, reason)) = container::failure(seen, pod, &one) {
            return Health::Failed(in_container(seen, pod, &one, cause, reason));
        }
    }
    if is_ready(pod) {
        return Health::Going(None);
    }
    let waits = seen.in_state_for(&pod.name_any(), now);
    let late = deciding().filter(|one| one.kind != Kind::Init && one.is_running() && !one.is_ready());
    let allowed = late.filter_map(|one| Some((one, allowance(&one)?)));
    match allowed.min_by_key(|(_, allowed)| *allowed) {
        Some((one, allowed)) if waits >= allowed => {
            let seconds = allowed.as_secs();
            let why =
                format!("it is not ready {seconds} s after its start, which is all that its probes allow");
            Health::Failed(in_container(seen, pod, &one, Cause::ProbeFailed, why))
        }
        Some((_, allowed)) => Health::Going(Some(allowed.saturating_sub(waits))),
        None => Health::Going(None),
    }
}

/// A failure that shows in a container.
pub(super) fn in_container(
    seen: &Seen,
    pod: &Pod,
    container: &Container<'_>,
    cause: Cause,
    reason: String,
) -> Failure {
    Failure { container: Some(container.full_name()), ..in_pod(seen, pod, cause, reason) }
}

pub(super) fn in_pod(seen: &Seen, pod: &Pod, cause: Cause, reason: String) -> Failure {
    let name = pod.name_any();
    let events = seen.notes_of(&name, 5);
    Failure { events, ..Failure::new(cause, process_of(pod).unwrap_or_default(), Some(&name), reason) }
}

/// How a pod stands that no node has taken.
fn unscheduled(seen: &Seen, pod: &Pod, now: Instant) -> Option<Health> {
    let Some(("False", "Unschedulable", message)) = condition(pod, "PodScheduled") else { return None };
    let name = pod.name_any();
    let noted = |reason: &str| seen.notes.iter().any(|note| note.pod == name && note.reason == reason);
    if noted("TriggeredScaleUp") || noted("Nominated") {
        return Some(Health::Going(None)); // a node is being made for it
    }
    let waits = seen.in_state_for(&name, now);
    Some(if waits >= UNSCHEDULABLE || noted("NotTriggerScaleUp") {
        let why = format!("no node takes it: {message}");
        Health::Failed(in_pod(seen, pod, Cause::Unschedulable, why))
    } else {
        Health::Going(Some(UNSCHEDULABLE.saturating_sub(waits)))
    })
}

/// The first container that a pod waits for, and what is with it.
pub(super) fn delay(seen: &Seen, pod: &Pod) -> Option<(Name, String)> {
    let late = containers(pod).find(|one| !one.is_well())?;
    let name = pod.name_any();
    let what = match (late.kind, late.waits_for(), late.ended()) {
        (_, Some((reason, message)), _) => {
            format!("it waits ({}{})", reason, message.map_or_else(String::new, |text| format!(": {text}")))
        }
        (_, _, Some(end)) => format!("it has ended with exit code {}", end.exit_code),
        (Kind::Init, None, None) => "it still runs".to_owned(),
        (Kind::Sidecar | Kind::Main, None, None) => {
            let unhealthy = seen.unhealthy(&name, late.name());
            format!("it is not ready{}", unhealthy.map_or_else(String::new, |why| format!(" ({why})")))
        }
    };
    Some((late.full_name(), what))
}

/// How long a container may run before it is ready, as its own probes say: as long as the startup probe allows, and
/// then until the readiness probe has failed as often as it may. Without a startup probe there is no saying.
fn allowance(container: &Container<'_>) -> Option<Duration> {
    let (startup, readiness) = container.asked_by();
    Some(lasts(startup?) + readiness.map_or(Duration::ZERO, lasts))
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
