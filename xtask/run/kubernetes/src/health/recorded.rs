//! What is concluded from what real clusters have said: `recorded/verdicts.txt` has a row for each object, version of
//! Kubernetes and time. `UPDATE=1` writes it anew, for eyes to look at what is different then.

use std::{collections::BTreeSet, env, fmt::Write, fs, path::PathBuf};

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Event},
    jiff::Timestamp,
};
use kube::runtime::watcher;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, from_value, json};
use xtask_contract::labels;

use super::*;

const RELEASE: &str = "2011-04-06-20:32:17";

/// A line of a recording.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Object { at: u64, time: Timestamp, object: Value },
    Event { event: Box<Event> },
}

/// What one version of Kubernetes said.
struct Recording {
    version: &'static str,
    lines: Vec<Line>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/health/recorded")
}

impl Recording {
    fn of(version: &'static str) -> Self {
        let text = fs::read_to_string(folder().join(format!("kubernetes-{version}.jsonl"))).unwrap();
        Self { version, lines: text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() }
    }

    /// What was applied, by name.
    fn names(&self) -> BTreeSet<String> {
        let objects = self.lines.iter().filter_map(|line| match line {
            Line::Object { object, .. } if object["metadata"]["ownerReferences"].is_null() => Some(object),
            _ => None,
        });
        objects.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The objects of a name, and those that they own, as they were at each time.
    fn times(&self, name: &str) -> Vec<Time<'_>> {
        let mut times: Vec<Time<'_>> = Vec::new();
        for line in &self.lines {
            let Line::Object { at, time, object } = line else { continue };
            let metadata = &object["metadata"];
            if metadata["name"] != name && metadata["ownerReferences"][0]["name"] != name {
                continue;
            }
            if times.last().is_none_or(|last| last.at != *at) {
                times.push(Time { at: *at, then: *time, objects: Vec::new() });
            }
            times.last_mut().unwrap().objects.push(object);
        }
        times
    }

    /// What had happened by then.
    fn events(&self, then: Timestamp) -> impl Iterator<Item = Event> {
        let all = self.lines.iter().filter_map(|line| match line {
            Line::Event { event } => Some(Event::clone(event)),
            Line::Object { .. } => None,
        });
        all.filter(move |event| event.first_timestamp.as_ref().is_none_or(|first| first.0 <= then))
    }
}

struct Time<'a> {
    at: u64,
    then: Timestamp,
    objects: Vec<&'a Value>,
}

impl Time<'_> {
    fn of_kind<T: DeserializeOwned>(&self, kind: &str, edit: impl Fn(&mut Value)) -> Vec<T> {
        let of_kind = self.objects.iter().filter(|object| object["kind"] == kind);
        let edited = of_kind.map(|object| {
            let mut object = (*object).clone();
            edit(&mut object);
            from_value(object).unwrap()
        });
        edited.collect()
    }
}

/// The rows of one object: what is concluded at each time, and at the deadline if that is still open.
fn rows(recording: &Recording, name: &str) -> String {
    let (mut seen, mut text, start) = (Seen::default(), String::new(), Instant::now());
    seen.deployment(watcher::Event::InitDone);
    seen.pod(watcher::Event::InitDone, start);
    let mut row = |at: &str, told: &str| {
        writeln!(text, "{name:<24} {:<5} {at:>3}  {told}", recording.version).unwrap();
    };
    let mut last = None;
    for time in recording.times(name) {
        let now = start + Duration::from_secs(time.at);
        recording.events(time.then).for_each(|event| seen.event(watcher::Event::Apply(event)));
        let jobs: Vec<Job> = time.of_kind("Job", |_| {});
        let component = if jobs.is_empty() { "web" } else { "migrate" };
        let as_ours = |object: &mut Value| {
            object["metadata"]["labels"][labels::COMPONENT] = json!(component);
            object["metadata"]["annotations"][labels::RELEASE] = json!(RELEASE);
        };
        for pod in time.of_kind("Pod", as_ours) {
            seen.pod(watcher::Event::Apply(pod), now);
        }
        let deployments: Vec<Deployment> = time.of_kind("Deployment", |_| {});
        let names: Vec<String> = match deployments.first() {
            Some(one) => vec![one.name_any()],
            None => vec!["web".into()],
        };
        seen.deployment(watcher::Event::Apply(deployments.into_iter().next().unwrap_or_else(settled)));
        let (health, left) = match jobs.first() {
            Some(one) => (job(&seen, one, now), job_left(&seen, one)),
            None => (rollout(&seen, &names, RELEASE, now), None),
        };
        let late = match jobs.first() {
            Some(_) => job_overdue(&seen, name),
            None => overdue(&seen, &names, RELEASE),
        };
        row(&time.at.to_string(), &told(&health, left));
        last = matches!(health, Health::Going(_)).then_some(late);
    }
    if let Some(late) = last {
        row("end", &told(&Health::Failed(late), None));
    }
    text
}

/// A Deployment that has all that it wants, so that all depends on the pod.
fn settled() -> Deployment {
    from_value(json!({
        "metadata": { "name": "web", "generation": 1 },
        "spec": { "replicas": 1, "selector": {}, "template": {} },
        "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1 },
    }))
    .unwrap()
}

fn told(health: &Health, left: Option<String>) -> String {
    match health {
        Health::Going(_) => "goes on".to_owned(),
        Health::Arrived => left.map_or_else(|| "arrived".to_owned(), |left| format!("arrived: {left}")),
        Health::Failed(failure) => {
            let container = failure.container.as_ref().map_or_else(String::new, |name| format!("{name}: "));
            let all = format!("{:<18} {container}{}", failure.cause.name(), failure.reason);
            all.chars().take(150).collect()
        }
    }
}

#[test]
fn what_is_concluded_from_what_clusters_have_said() {
    let recordings = ["1.20", "1.36"].map(Recording::of);
    let names: BTreeSet<String> = recordings.iter().flat_map(Recording::names).collect();
    let mut text = String::new();
    for name in names {
        for recording in &recordings {
            text += &rows(recording, &name);
        }
    }
    let path = folder().join("verdicts.txt");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap();
    let different = text.lines().zip(expected.lines()).find(|(now, then)| now != then);
    assert_eq!(different, None, "the first row that is different; `UPDATE=1` writes all anew");
    assert_eq!(text.lines().count(), expected.lines().count());
}
