//! Who owns which fields of an object: server-side apply, and what any other change does to it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fields::{Path, fields_of, from_v1, in_words, is_in, object_of, to_v1};

/// Who changes an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manager {
    pub(super) name: String,
    /// `Apply` or `Update`.
    pub(super) operation: &'static str,
    /// `scale`, if the change was made by way of that.
    pub(super) subresource: Option<&'static str>,
}

/// An entry of `metadata.managedFields`.
struct Entry {
    document: Value,
    fields: BTreeSet<Path>,
}

/// A field that another one owns who gave it another value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    /// `"somebody" using apps/v1`
    with: String,
    field: String,
}

/// The object after an apply of this one: its fields are set, and those that it no longer has are removed.
pub(super) fn apply(
    live: &Value,
    applied: &Value,
    manager: &Manager,
    force: bool,
    now: &str,
) -> Result<Value, Vec<Conflict>> {
    let mut fields = without_its_names(live);
    let wanted = without_its_names(applied);
    let set: BTreeSet<Path> = wanted.iter().map(|(path, _)| path.clone()).collect();
    let (mut own, mut others): (Vec<Entry>, Vec<Entry>) =
        entries(live).into_iter().partition(|entry| entry.is_of(manager));
    let differs =
        |path: &Path| value(&fields, path).is_some() && value(&fields, path) != value(&wanted, path);
    let lost: BTreeSet<Path> = set.iter().filter(|path| differs(path)).cloned().collect();
    if force {
        for entry in &mut others {
            entry.fields.retain(|field| !lost.contains(field));
        }
    } else {
        let conflicts: Vec<Conflict> = others.iter().flat_map(|entry| entry.conflicts(&lost)).collect();
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
    }
    let before = own.pop();
    let given_up = before.iter().flat_map(|entry| entry.fields.difference(&set));
    let removed: Vec<&Path> =
        given_up.filter(|field| others.iter().all(|entry| !entry.fields.contains(*field))).collect();
    fields.retain(|(path, _)| !removed.contains(&path));
    for (path, value) in wanted {
        put(&mut fields, path, value);
    }
    let own =
        before.filter(|entry| entry.fields == set).unwrap_or_else(|| Entry::of(manager, applied, set, now));
    others.insert(0, own);
    Ok(assembled(live, applied, &fields, others))
}

/// The object after a change that is no apply: what it changes belongs to its manager.
pub(super) fn update(live: &Value, changed: &Value, manager: &Manager, now: &str) -> Value {
    let (before, after) = (without_its_names(live), without_its_names(changed));
    let differing = |of: &[(Path, Value)], from: &[(Path, Value)]| -> BTreeSet<Path> {
        of.iter().filter(|field| !from.contains(field)).map(|(path, _)| path.clone()).collect()
    };
    let (set, lost) = (differing(&after, &before), differing(&before, &after));
    let (mut own, mut others): (Vec<Entry>, Vec<Entry>) =
        entries(live).into_iter().partition(|entry| entry.is_of(manager));
    for entry in &mut others {
        entry.fields.retain(|field| !set.contains(field) && !lost.contains(field));
    }
    let before = own.pop();
    let mut fields = before.as_ref().map_or_else(BTreeSet::new, |entry| entry.fields.clone());
    fields.retain(|field| !lost.contains(field));
    fields.extend(set);
    others.extend(match before {
        Some(entry) if entry.fields == fields => Some(entry),
        _ => Some(Entry::of(manager, changed, fields, now)),
    });
    assembled(live, changed, &after, others)
}

impl Entry {
    fn of(manager: &Manager, object: &Value, fields: BTreeSet<Path>, now: &str) -> Self {
        let mut document = json!({
            "manager": manager.name, "operation": manager.operation, "apiVersion": object["apiVersion"],
            "time": now, "fieldsType": "FieldsV1",
        });
        if let Some(subresource) = manager.subresource {
            document["subresource"] = json!(subresource);
        }
        Self { document, fields }
    }

    fn is_of(&self, manager: &Manager) -> bool {
        self.document["manager"] == manager.name.as_str()
            && self.document["operation"] == manager.operation
            && self.document["subresource"].as_str() == manager.subresource
    }

    fn conflicts(&self, lost: &BTreeSet<Path>) -> Vec<Conflict> {
        let name = self.document["manager"].as_str().unwrap_or_default();
        let using = match self.document["operation"].as_str() {
            Some("Update") => format!(" using {}", self.document["apiVersion"].as_str().unwrap_or_default()),
            _ => String::new(),
        };
        let conflict = |field: &Path| Conflict { with: format!("\"{name}\"{using}"), field: in_words(field) };
        self.fields.intersection(lost).map(conflict).collect()
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    let all = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    all.into_iter().map(|document| Entry { fields: from_v1(&document["fieldsV1"]), document }).collect()
}

/// The fields of an object that anybody can own.
fn without_its_names(object: &Value) -> Vec<(Path, Value)> {
    const NAMES: [&str; 10] = [
        "creationTimestamp",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
        "ownerReferences",
    ];
    let mut object = object.clone();
    if let Some(parts) = object.as_object_mut() {
        parts.retain(|part, _| part != "apiVersion" && part != "kind");
    }
    if let Some(parts) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        parts.retain(|part, _| !NAMES.contains(&part.as_str()));
    }
    let mut fields = fields_of(&object);
    fields.retain(|(path, value)| path.len() > 1 || *value != json!({}));
    fields
}

fn value<'a>(fields: &'a [(Path, Value)], path: &Path) -> Option<&'a Value> {
    fields.iter().find(|(known, _)| known == path).map(|(_, value)| value)
}

/// Sets a field. What is in it stays if it is only said that it is there.
fn put(fields: &mut Vec<(Path, Value)>, path: Path, new: Value) {
    let only_there = new == json!({});
    if only_there && fields.iter().any(|(known, _)| is_in(known, &path)) {
        return;
    }
    if let Some((_, known)) = fields.iter_mut().find(|(known, _)| *known == path) {
        *known = new;
        return;
    }
    fields.retain(|(known, _)| !is_in(known, &path) && !is_in(&path, known));
    fields.push((path, new));
}

/// The object of these fields, with what it is called.
fn assembled(live: &Value, named: &Value, fields: &[(Path, Value)], entries: Vec<Entry>) -> Value {
    let mut object = object_of(fields);
    for part in ["apiVersion", "kind"] {
        object[part] = named[part].clone();
    }
    let known = [&live["metadata"], &named["metadata"]].into_iter().filter_map(Value::as_object).flatten();
    for (name, value) in known {
        if object["metadata"].get(name).is_none() && name != "labels" && name != "annotations" {
            object["metadata"][name] = value.clone();
        }
    }
    let entries = entries.into_iter().filter(|entry| !entry.fields.is_empty()).map(|entry| {
        let mut document = entry.document;
        document["fieldsV1"] = to_v1(&entry.fields);
        document
    });
    let entries: Vec<Value> = entries.collect();
    object["metadata"]["managedFields"] = if entries.is_empty() { Value::Null } else { json!(entries) };
    object
}

/// What a refusal says of conflicts.
pub(super) fn refusal(conflicts: &[Conflict]) -> super::Answer {
    let cause = |one: &Conflict| {
        let message = format!("conflict with {}", one.with);
        json!({ "reason": "FieldManagerConflict", "message": message, "field": one.field })
    };
    let causes: Vec<Value> = conflicts.iter().map(cause).collect();
    let told: Vec<String> =
        conflicts.iter().map(|one| format!("conflict with {}: {}", one.with, one.field)).collect();
    let count = if conflicts.len() == 1 { "1 conflict" } else { "conflicts" };
    let message = format!("Apply failed with {count}: {}", told.join("\n"));
    super::Answer::refusal(409, "Conflict", &message, &json!({ "causes": causes }))
}
