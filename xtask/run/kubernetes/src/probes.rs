//! Probes that fail, as the cluster's events tell. A pod's own status tells nothing of a liveness probe that cannot be
//! asked: the cluster takes it neither for a failure nor for an answer.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::core::v1::{Event, Pod},
    jiff::Timestamp,
};
use kube::{Api, ResourceExt, api::ListParams};
use xtask_contract::Result;

use crate::{
    api_error::ApiContext,
    api_error::code,
    containers::{Container, containers},
    seen::{Stage, container_of, stage},
    site::Site,
};

/// How long a liveness probe that failed counts as one that fails: more than the five minutes after which a kubelet that
/// has told of a probe often tells of it again.
const RECENT: Duration = Duration::from_mins(10);

/// The events about probes that failed; none where this user may not look at them.
pub(crate) async fn events(site: &Site<'_>) -> Result<Vec<Event>> {
    let api: Api<Event> = Api::namespaced(site.client.clone(), site.namespace);
    let of_pods = ListParams::default().fields("involvedObject.kind=Pod,reason=Unhealthy");
    match api.list(&of_pods).await {
        Err(error) if code(&error) == Some(403) => Ok(Vec::new()),
        list => Ok(list.asked(|| "listing the events of the pods")?.items),
    }
}

/// A probe of one container, and how it went.
#[derive(Debug, PartialEq, Eq)]
struct Failing<'a> {
    times: i32,
    last: Timestamp,
    /// `failed` or `errored`.
    how: &'a str,
    why: &'a str,
}

/// The probes of a pod that fail now, a line each.
pub(crate) fn failing(pod: &Pod, events: &[Event], now: Timestamp) -> Vec<String> {
    let name = pod.name_any();
    if stage(pod) != Stage::Here {
        return Vec::new();
    }
    let of_pod = || events.iter().filter(|event| event.involved_object.name.as_ref() == Some(&name));
    containers(pod)
        .flat_map(|container| {
            let mut probes: BTreeMap<&str, Failing<'_>> = BTreeMap::new();
            for (probe, one) in of_pod().filter_map(|event| of_container(event, &container)) {
                let known = probes.remove(probe);
                let times = one.times + known.as_ref().map_or(0, |known| known.times);
                let newest = known.filter(|known| known.last > one.last).unwrap_or(one);
                probes.insert(probe, Failing { times, ..newest });
            }
            probes.retain(|probe, one| still_fails(&container, probe, one.last, now));
            let words = |(probe, one): (&str, Failing<'_>)| {
                let Failing { times, last, how, why } = one;
                let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
                let colon = if why.is_empty() { "" } else { ": " };
                let (probe, container) = (probe.to_lowercase(), container.full_name());
                format!(
                    "pod {name}, {container}: its {probe} probe {how} {times}, last at {last}{colon}{why}"
                )
            };
            probes.into_iter().map(words).collect::<Vec<_>>()
        })
        .collect()
}

/// What an event says of a container that runs: `Liveness probe errored: …`.
fn of_container<'a>(event: &'a Event, container: &Container<'_>) -> Option<(&'a str, Failing<'a>)> {
    if event.involved_object.field_path.as_deref().and_then(container_of) != Some(container.name()) {
        return None;
    }
    let last =
        event.last_timestamp.as_ref().map(|time| time.0).or(event.event_time.as_ref().map(|time| time.0))?;
    // What an earlier run of the container was asked is past.
    if !container.is_running() || container.running_since().is_some_and(|since| last < since) {
        return None;
    }
    let message = event.message.as_deref()?;
    let message = message.strip_prefix("(combined from similar events): ").unwrap_or(message);
    let (probe, rest) = message.split_once(" probe ")?;
    let (how, why) = rest.split_once(':').unwrap_or((rest, ""));
    Some((probe, Failing { times: event.count.unwrap_or(1), last, how, why: why.trim() }))
}

/// Whether a probe that failed at that time has not succeeded since.
fn still_fails(container: &Container<'_>, probe: &str, last: Timestamp, now: Timestamp) -> bool {
    match probe {
        "Startup" => !container.is_started(),
        "Readiness" => !container.is_ready(),
        _ => now.duration_since(last).unsigned_abs() < RECENT,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn pod(ready: bool) -> Pod {
        from_value(json!({
            "metadata": { "name": "task-1" },
            "spec": { "containers": [{ "name": "task" }] },
            "status": { "containerStatuses": [{
                "name": "task", "image": "", "imageID": "", "ready": ready, "started": true, "restartCount": 0,
                "state": { "running": { "startedAt": "2011-04-06T20:00:00Z" } },
            }] },
        }))
        .unwrap()
    }

    fn event(message: &str, last: &str, count: i32) -> Event {
        from_value(json!({
            "metadata": {}, "reason": "Unhealthy", "message": message, "count": count,
            "involvedObject": { "name": "task-1", "fieldPath": "spec.containers{task}" },
            "lastTimestamp": format!("2011-04-06T{last}Z"),
        }))
        .unwrap()
    }

    fn told(pod: &Pod, events: &[Event]) -> Vec<String> {
        failing(pod, events, "2011-04-06T20:10:00Z".parse().unwrap())
    }

    #[test]
    fn a_liveness_probe_that_cannot_be_asked_is_told_once_with_all_its_times() {
        let events = [
            event("Liveness probe errored: rpc error: failed to exec \"1f\"", "20:08:00", 1),
            event("Liveness probe errored: rpc error: failed to exec \"2e\"", "20:08:10", 1),
            event(
                "(combined from similar events): Liveness probe errored: rpc error: no /nothing",
                "20:09:00",
                13,
            ),
        ];
        let line = "pod task-1, container task: its liveness probe errored 15 times, last at 2011-04-06T20:09:00Z: rpc \
                    error: no /nothing";
        assert_eq!(told(&pod(true), &events), [line]);
    }

    #[test]
    fn what_succeeded_since_or_was_asked_of_an_earlier_run_is_past() {
        let at = |message: &str, last: &str| [event(message, last, 1)];
        for (ready, events, expected) in [
            (true, at("Readiness probe failed: HTTP probe failed", "20:00:01"), 0),
            (false, at("Readiness probe failed: HTTP probe failed", "20:00:01"), 1),
            (true, at("Startup probe failed: ", "20:00:01"), 0),
            (true, at("Liveness probe failed: ", "19:59:59"), 0),
            (true, at("Liveness probe failed: ", "20:00:00"), 0),
            (true, at("Liveness probe failed: ", "20:00:01"), 1),
        ] {
            assert_eq!(told(&pod(ready), &events).len(), expected, "{events:?}");
        }
        let mut leaving = pod(false);
        leaving.metadata.deletion_timestamp =
            from_value::<Option<_>>(Value::from("2011-04-06T20:09:59Z")).unwrap();
        assert_eq!(told(&leaving, &at("Liveness probe failed: ", "20:09:58")), [""; 0]);
    }
}
