//! What of an object on the cluster is not as its release says. Pure, and the one definition of drift: what `status`
//! calls so, `run` refuses or mends.
//!
//! Kubernetes notes for each field who has set it last (`metadata.managedFields`). A field that somebody else has set
//! to the value that the release gives it, too, is no drift. One that the release does not set is, where it changes
//! what the release says: below `.spec` or `.data`, but no label and no annotation.

mod fields;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{ResourceExt, api::DynamicObject};
use serde_json::{Value, json};
use xtask_contract::labels;

use self::fields::Place;
use crate::{
    managers::{MANAGER, SCALE_MANAGER},
    objects::kind,
};

/// Who changes objects as part of running them.
const MACHINERY: [&str; 6] = [
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-apiserver",
    "cloud-controller-manager",
    "kube-proxy",
];

/// A field that others than this toolchain and the cluster itself have to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// As server-side apply names it: `.spec.template.spec.containers[name="web"].image`.
    pub(crate) field: String,
    /// Where it is in the object on the cluster: a JSON pointer, segment by segment.
    pub(crate) pointer: Vec<String>,
    pub(crate) how: How,
    /// Who has set it and when, as far as that is known: `kubectl-edit, 2011-04-06T20:32:17Z`.
    pub(crate) who: String,
}

/// What such a field is to the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Somebody else owns it, too, with the value that it is to have, or that the release before gave it: nobody has
    /// meant another one.
    Agrees,
    /// The release before set it and this one does not, and somebody else owns it, too: it goes.
    LeftOver,
    /// It has another value than the release says.
    Changed,
    /// The release has no such field.
    Added,
    /// The release has the field, and the object has not.
    Removed,
}

impl Finding {
    /// Whether somebody has meant it to be otherwise: that is for people to decide.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.how, How::Changed | How::Added)
    }

    /// Whether the object is unlike the release in it.
    pub(crate) fn is_drift(&self) -> bool {
        self.is_foreign() || self.how == How::Removed
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, how, who, .. } = self;
        match how {
            How::Agrees | How::Changed => write!(f, "{field} was set by {who}"),
            How::Added => write!(f, "{field} was added by {who}"),
            How::LeftOver => write!(f, "{field} is of the release before, and of {who}"),
            How::Removed => write!(f, "{field} was removed"),
        }
    }
}

/// Compares an object on the cluster with what it is to be; `before` is the same object of the release that it was
/// brought to last, where that is another one.
pub(crate) fn findings(
    wanted: &DynamicObject,
    before: Option<&DynamicObject>,
    live: &DynamicObject,
) -> Vec<Finding> {
    let kind = kind(wanted);
    // A namespace that this toolchain did not make belongs to the administrator who made it.
    if kind == "Namespace" && live.labels().get(labels::MANAGED_BY).is_none_or(|by| by != MANAGER) {
        return Vec::new();
    }
    let (wanted_value, live_value) = (value(wanted), value(live));
    let before_value = before.map(value);
    let root = Place::root(&wanted_value, before_value.as_ref(), &live_value);
    let mut found: Vec<Finding> = Vec::new();
    let (mut ours, mut all) = (Vec::new(), Vec::new());
    for entry in live.managed_fields() {
        let Some(owned) = entry.fields_v1.as_ref().map(|fields| &fields.0) else { continue };
        all.push(owned);
        let manager = manager(entry);
        if [MANAGER, SCALE_MANAGER].contains(&manager) {
            ours.push(owned);
            continue;
        }
        if MACHINERY.contains(&manager) || entry.subresource.as_deref() == Some("status") {
            continue;
        }
        root.owned(owned, &mut |place, how| {
            if place.is_for_the_release(kind) && !found.iter().any(|known| known.field == place.field) {
                found.push(place.finding(how, who(entry)));
            }
        });
    }
    root.missing(&ours, &all, &mut |place| {
        if place.is_for_the_release(kind) {
            found.push(place.finding(How::Removed, String::new()));
        }
    });
    found
}

/// Who has set the fields of this entry, and when: `kubectl-edit, 2011-04-06T20:32:17Z`.
pub(crate) fn who(entry: &ManagedFieldsEntry) -> String {
    let when = entry.time.as_ref().map_or_else(String::new, |time| format!(", {}", time.0));
    format!("{}{when}", manager(entry))
}

fn manager(entry: &ManagedFieldsEntry) -> &str {
    entry.manager.as_deref().unwrap_or("somebody")
}

/// The steps that take these fields out of the object: an operation of a JSON patch each.
pub(crate) fn removals(found: &[&Finding]) -> Vec<Value> {
    let escaped = |part: &String| format!("/{}", part.replace('~', "~0").replace('/', "~1"));
    let path = |pointer: &[String]| pointer.iter().map(escaped).collect::<String>();
    from_behind(found).map(|pointer| json!({ "op": "remove", "path": path(pointer) })).collect()
}

/// The object without these fields.
pub(crate) fn without(found: &[&Finding], object: DynamicObject) -> DynamicObject {
    let mut value = value(&object);
    for pointer in from_behind(found) {
        let Some((last, above)) = pointer.split_last() else { continue };
        let parent = above.iter().try_fold(&mut value, |value, part| match value {
            Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
            other => other.get_mut(part),
        });
        match (parent, last.parse()) {
            (Some(Value::Object(parts)), _) => drop(parts.remove(last)),
            (Some(Value::Array(items)), Ok(place)) if place < items.len() => drop(items.remove(place)),
            _ => {}
        }
    }
    serde_json::from_value(value).unwrap_or(object)
}

/// Where these fields are, in an order in which the removal of none moves a later one.
fn from_behind<'a>(found: &[&'a Finding]) -> impl Iterator<Item = &'a [String]> + use<'a> {
    let mut all: Vec<&[String]> = found.iter().map(|one| one.pointer.as_slice()).collect();
    all.sort_by_cached_key(|pointer| {
        let number = |part: &String| part.parse::<usize>().unwrap_or(0);
        pointer.iter().map(|part| (number(part), part.clone())).collect::<Vec<_>>()
    });
    all.into_iter().rev()
}

fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests;
