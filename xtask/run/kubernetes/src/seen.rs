//! What was seen of a deploy on its cluster so far.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Pod},
};
use kube::{ResourceExt, runtime::watcher};

use crate::belonging::process_of;
use crate::containers::{Container, containers};

/// Events that are remembered, of all pods together.
const NOTES: usize = 200;

/// The Deployments, pods and events of a deploy, as the watches have told them up to now.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) deployments: BTreeMap<String, Deployment>,
    pub(crate) pods: BTreeMap<String, Pod>,
    pub(crate) notes: VecDeque<Note>,
    /// Containers that were ready at some time, by pod.
    ever_ready: BTreeSet<(String, String)>,
    /// How often the containers of a pod had been restarted that was ready when it was first seen.
    settled: BTreeMap<String, BTreeMap<String, i32>>,
    /// Since when a pod is in a state that it should leave, by a clock of our own.
    since: BTreeMap<String, (String, Instant)>,
    /// Whether pods were listed once; a watch that breaks off lists them again.
    listed: bool,
    /// Whether the lists of Deployments and pods are complete.
    pub(crate) complete: (bool, bool),
}

/// What the cluster noted about a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) pod: String,
    /// The container that it is about, if it is about one.
    container: Option<String>,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Seen {
    pub(crate) fn deployment(&mut self, event: watcher::Event<Deployment>) {
        take(&mut self.deployments, &mut self.complete.0, event);
    }

    pub(crate) fn pod(&mut self, event: watcher::Event<Pod>, now: Instant) {
        let first_list = matches!(event, watcher::Event::InitApply(_)) && !self.listed;
        self.listed |= matches!(event, watcher::Event::InitDone);
        if let watcher::Event::InitApply(pod) = &event
            && first_list
            && is_ready(pod)
        {
            let restarts = containers(pod).map(|one| (one.name().to_owned(), one.restarts()));
            self.settled.insert(pod.name_any(), restarts.collect());
        }
        take(&mut self.pods, &mut self.complete.1, event);
        for (name, pod) in &self.pods {
            let ready = containers(pod).filter(Container::is_ready);
            self.ever_ready.extend(ready.map(|container| (name.clone(), container.name().to_owned())));
            let state = state(pod);
            if self.since.get(name).is_none_or(|(known, _)| *known != state) {
                self.since.insert(name.clone(), (state, now));
            }
        }
        let pods = &self.pods;
        self.since.retain(|name, _| pods.contains_key(name));
    }

    pub(crate) fn event(&mut self, event: watcher::Event<Event>) {
        let (watcher::Event::Apply(event) | watcher::Event::InitApply(event)) = event else { return };
        let container = event.involved_object.field_path.as_deref().and_then(container_of).map(str::to_owned);
        let (Some(pod), Some(reason), Some(message)) =
            (event.involved_object.name, event.reason, event.message)
        else {
            return;
        };
        let note = Note { pod, container, reason, message };
        self.notes.retain(|known| *known != note);
        self.notes.push_back(note);
        if self.notes.len() > NOTES {
            self.notes.pop_front();
        }
    }

    /// How long a pod has been in its present state.
    pub(crate) fn in_state_for(&self, pod: &str, now: Instant) -> Duration {
        self.since.get(pod).map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(*since))
    }

    /// Whether a container of a pod was ready at some time.
    pub(crate) fn was_ready(&self, pod: &str, container: &str) -> bool {
        self.ever_ready.contains(&(pod.to_owned(), container.to_owned()))
    }

    /// Whether all that ever befell a container had done so before anybody looked: its pod was ready then and is now,
    /// and it has not been started again since.
    pub(crate) fn is_old_news(&self, pod: &Pod, container: &Container<'_>) -> bool {
        let known = self.settled.get(&pod.name_any()).and_then(|all| all.get(container.name()));
        is_ready(pod) && known == Some(&container.restarts())
    }

    /// The newest note that a container is stopped because a probe failed.
    pub(crate) fn probe_failure(&self, pod: &str, container: &str) -> Option<&Note> {
        let of_it = self.of_container(pod, container, "Killing");
        of_it.rev().find(|note| note.message.contains("probe"))
    }

    /// Whether a container's image could not be pulled, and is not tried again for a while.
    pub(crate) fn backs_off_pulling(&self, pod: &str, container: &str) -> bool {
        self.of_container(pod, container, "BackOff").any(|note| note.message.contains("pulling"))
    }

    /// What a container's probe said last when it failed.
    pub(crate) fn unhealthy(&self, pod: &str, container: &str) -> Option<&str> {
        let newest = self.of_container(pod, container, "Unhealthy").next_back();
        newest.map(|note| note.message.trim().trim_end_matches(':'))
    }

    fn of_container(
        &self,
        pod: &str,
        container: &str,
        reason: &str,
    ) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.iter().filter(move |note| {
            note.pod == pod
                && note.container.as_deref().is_none_or(|known| known == container)
                && note.reason == reason
        })
    }

    /// The newest notes about a pod that matter, the newest last.
    pub(crate) fn notes_of(&self, pod: &str, most: usize) -> Vec<String> {
        let of_pod: Vec<&Note> =
            self.notes.iter().filter(|note| note.pod == pod && matters(&note.reason)).collect();
        let newest = &of_pod[of_pod.len().saturating_sub(most)..];
        newest.iter().map(|note| format!("{}: {}", note.reason, note.message.trim())).collect()
    }

    /// The pods of a process type that are there to stay.
    pub(crate) fn pods_of<'a>(&'a self, process: &'a str) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let is_of = move |pod: &&Pod| process_of(pod) == Some(process) && stage(pod) == Stage::Here;
        self.pods.values().filter(is_of)
    }
}

fn take<K: ResourceExt>(known: &mut BTreeMap<String, K>, complete: &mut bool, event: watcher::Event<K>) {
    match event {
        watcher::Event::Init => {
            known.clear();
            *complete = false;
        }
        watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
            known.insert(object.name_any(), object);
        }
        watcher::Event::InitDone => *complete = true,
        watcher::Event::Delete(object) => {
            known.remove(&object.name_any());
        }
    }
}

/// Events of the ordinary course of things are no news.
pub(crate) fn matters(reason: &str) -> bool {
    !["Scheduled", "Pulling", "Pulled", "Created", "Started", "SuccessfulCreate"].contains(&reason)
}

/// What a pod still is to its deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Here,
    /// It was deleted, and is not gone yet.
    Leaving,
    /// Nothing of it runs any more, and nobody has deleted it: a Job's pod, or one that its node has given up.
    Ended,
}

/// A deletion timestamp decides: a pod that is deleted may turn failed before it is removed.
pub(crate) fn stage(pod: &Pod) -> Stage {
    if pod.metadata.deletion_timestamp.is_some() {
        Stage::Leaving
    } else if has_ended(pod) {
        Stage::Ended
    } else {
        Stage::Here
    }
}

/// Whether all containers of a pod have ended for good.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether a pod takes requests, or would if it took any.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|(status, ..)| status == "True")
}

/// A pod's condition: its status, its reason, and its message.
pub(crate) fn condition<'a>(pod: &'a Pod, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let all = pod.status.as_ref()?.conditions.as_ref()?;
    let found = all.iter().find(|condition| condition.type_ == name)?;
    let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
    Some((&found.status, text(&found.reason), text(&found.message)))
}

/// What a pod is at; as long as this text is the same, it is not getting on.
fn state(pod: &Pod) -> String {
    let scheduled = condition(pod, "PodScheduled").map_or("", |(status, ..)| status);
    let each = containers(pod).map(|one| (one.is_ready(), one.is_running(), one.is_well(), one.restarts()));
    each.fold(scheduled.to_owned(), |text, one| format!("{text} {one:?}"))
}

/// The container in an event's field path: `spec.containers{web}`.
pub(crate) fn container_of(path: &str) -> Option<&str> {
    path.strip_suffix('}')?.split_once('{').map(|(_, name)| name)
}
