//! What is different between two releases.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Release, ReleaseId,
    deploy::{Services, Target},
    release::{Image, Process},
    secrets::Likeness,
    settings::{Ingress, Network},
};

/// What is different in a release from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The earlier release that it brings back, if it is a rollback.
    pub rollback_to: Option<ReleaseId>,
    /// The image.
    pub image: Option<Change<Image>>,
    /// The variables that differ.
    pub config: BTreeMap<String, Change<String>>,
    /// What became of every secret.
    pub secrets: BTreeMap<String, SecretChange>,
    /// The process types that differ.
    pub processes: BTreeMap<String, Change<Process>>,
    /// Where it runs.
    pub target: Option<Change<Target>>,
    /// The backing services.
    pub services: Option<Change<Services>>,
    /// What the network lets through.
    pub network: Option<Change<Network>>,
    /// The name under which the world reaches it.
    pub ingress: Option<Change<Ingress>>,
}

/// Something before and after; none where it was not, or is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// Before.
    pub from: Option<T>,
    /// After.
    pub to: Option<T>,
}

/// What became of a secret, as far as that can be told without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretChange {
    /// It was not there before.
    Added,
    /// It is no longer there.
    Removed,
    /// It has another value.
    Changed,
    /// It has the same value.
    Same,
    /// It was sealed anew under another key, with the same value or another one.
    Unknown,
}

impl Changes {
    /// What is different in `after` from `before`.
    pub fn between(before: &Release, after: &Release) -> Self {
        Self {
            rollback_to: after.rollback_to,
            image: change(Some(&before.image), Some(&after.image)),
            config: differences(&before.config, &after.config),
            secrets: secrets(before, after),
            processes: differences(&before.processes, &after.processes),
            target: change(Some(&before.target), Some(&after.target)),
            services: change(Some(&before.services), Some(&after.services)),
            network: change(Some(&before.network), Some(&after.network)),
            ingress: change(before.ingress.as_ref(), after.ingress.as_ref()),
        }
    }

    /// The changes in words; none, if only the time is another.
    pub fn words(&self) -> Vec<String> {
        let named = |what: &str, mut names: Vec<&str>| {
            names.sort_unstable();
            names.dedup();
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let is = |wanted: &[SecretChange]| -> Vec<&str> {
            let found = self.secrets.iter().filter(|(_, change)| wanted.contains(change));
            found.map(|(name, _)| name.as_str()).collect()
        };
        let mut config: Vec<&str> = self.config.keys().map(String::as_str).collect();
        config.extend(is(&[SecretChange::Added, SecretChange::Removed, SecretChange::Changed]));
        [
            self.rollback_to.map(|id| format!("rollback to {id}")),
            self.image.as_ref().map(|_| "image".to_owned()),
            named("config", config),
            named("sealed anew", is(&[SecretChange::Unknown])),
            named("processes", self.processes.keys().map(String::as_str).collect()),
            self.target.as_ref().map(|_| "target".to_owned()),
            self.services.as_ref().map(|_| "services".to_owned()),
            self.network.as_ref().map(|_| "network".to_owned()),
            self.ingress.as_ref().map(|_| "ingress".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn change<T: Clone + PartialEq>(from: Option<&T>, to: Option<&T>) -> Option<Change<T>> {
    (from != to).then(|| Change { from: from.cloned(), to: to.cloned() })
}

fn differences<T: Clone + PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> BTreeMap<String, Change<T>> {
    let names = before.keys().chain(after.keys());
    names.filter_map(|name| Some((name.clone(), change(before.get(name), after.get(name))?))).collect()
}

fn secrets(before: &Release, after: &Release) -> BTreeMap<String, SecretChange> {
    let names =
        |release: &Release| release.secrets.iter().flat_map(|all| all.values.keys().cloned()).collect();
    let (old, new): (Vec<String>, Vec<String>) = (names(before), names(after));
    let change = |name: &String| match (&before.secrets, &after.secrets) {
        _ if !old.contains(name) => SecretChange::Added,
        (Some(old), Some(now)) if new.contains(name) => match old.likeness(now, name) {
            Likeness::Same => SecretChange::Same,
            Likeness::Changed => SecretChange::Changed,
            Likeness::Unknown => SecretChange::Unknown,
        },
        _ => SecretChange::Removed,
    };
    old.iter().chain(&new).map(|name| (name.clone(), change(name))).collect()
}
