//! What was seen of a deploy on its cluster so far.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ContainerStatus, Event, Pod},
};
use kube::{ResourceExt, runtime::watcher};
use xtask_contract::labels;

/// Events that are remembered, of all pods together.
const NOTES: usize = 200;

/// The Deployments, pods and events of a deploy, as the watches have told them up to now.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) deployments: BTreeMap<String, Deployment>,
    pub(crate) pods: BTreeMap<String, Pod>,
    pub(crate) notes: VecDeque<Note>,
    /// Pods that were ready at some time.
    pub(crate) ever_ready: BTreeSet<String>,
    /// Since when a pod is in a state that it should leave, by a clock of our own.
    since: BTreeMap<String, (String, Instant)>,
    /// Whether the lists of Deployments and pods are complete.
    pub(crate) complete: (bool, bool),
}

/// What the cluster noted about a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) pod: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Seen {
    pub(crate) fn deployment(&mut self, event: watcher::Event<Deployment>) {
        take(&mut self.deployments, &mut self.complete.0, event);
    }

    pub(crate) fn pod(&mut self, event: watcher::Event<Pod>, now: Instant) {
        take(&mut self.pods, &mut self.complete.1, event);
        for (name, pod) in &self.pods {
            if is_ready(pod) {
                self.ever_ready.insert(name.clone());
            }
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
        let (Some(pod), Some(reason), Some(message)) =
            (event.involved_object.name, event.reason, event.message)
        else {
            return;
        };
        self.notes.retain(|note| note.pod != pod || note.reason != reason || note.message != message);
        self.notes.push_back(Note { pod, reason, message });
        if self.notes.len() > NOTES {
            self.notes.pop_front();
        }
    }

    /// How long a pod has been in its present state.
    pub(crate) fn in_state_for(&self, pod: &str, now: Instant) -> Duration {
        self.since.get(pod).map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(*since))
    }

    /// The newest notes about a pod that matter, the newest last.
    pub(crate) fn notes_of(&self, pod: &str, most: usize) -> Vec<String> {
        let of_pod: Vec<&Note> =
            self.notes.iter().filter(|note| note.pod == pod && matters(&note.reason)).collect();
        let newest = &of_pod[of_pod.len().saturating_sub(most)..];
        newest.iter().map(|note| format!("{}: {}", note.reason, note.message.trim())).collect()
    }

    /// The pods of a process type that are not on their way out.
    pub(crate) fn pods_of<'a>(&'a self, process: &'a str) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let is_of =
            move |pod: &&Pod| process_of(pod) == Some(process) && pod.metadata.deletion_timestamp.is_none();
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

/// The process type of a pod.
pub(crate) fn process_of(pod: &Pod) -> Option<&str> {
    pod.labels().get(labels::COMPONENT).map(String::as_str)
}

/// The release that a pod belongs to.
pub(crate) fn release_of(pod: &Pod) -> &str {
    pod.annotations().get(labels::RELEASE).map_or("", String::as_str)
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

/// The states of a pod's containers.
pub(crate) fn containers(pod: &Pod) -> &[ContainerStatus] {
    pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default()
}

/// What a pod is at; as long as this text is the same, it is not getting on.
fn state(pod: &Pod) -> String {
    let scheduled = condition(pod, "PodScheduled").map_or("", |(status, ..)| status);
    let running = containers(pod).iter().map(|container| {
        let running = container.state.as_ref().is_some_and(|state| state.running.is_some());
        format!("{}{running}{}", container.ready, container.restart_count)
    });
    running.fold(scheduled.to_owned(), |text, one| text + " " + &one)
}
