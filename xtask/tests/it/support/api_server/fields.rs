//! An object as the set of its fields, which is how Kubernetes says who owns which of them: `f:spec` is a field,
//! `k:{"name":"web"}` an item of a list by its key. Lists without keys are one field, as are label selectors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The way to a field.
pub(super) type Path = Vec<String>;

/// The fields of an object that have a value of their own, in its order.
pub(super) fn fields_of(object: &Value) -> Vec<(Path, Value)> {
    let mut found = Vec::new();
    descend(object, &mut Vec::new(), &mut found);
    found
}

fn descend(value: &Value, at: &mut Path, found: &mut Vec<(Path, Value)>) {
    let field = at.last().and_then(|step| step.strip_prefix("f:")).unwrap_or_default();
    let steps: Vec<(String, &Value)> = match value {
        Value::Object(parts) if !is_atomic(field) => {
            parts.iter().map(|(name, part)| (format!("f:{name}"), part)).collect()
        }
        Value::Array(items) => {
            let keyed = items.iter().map(|item| Some((format!("k:{}", key_of(at, field, item)?), item)));
            keyed.collect::<Option<_>>().unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if steps.is_empty() && !at.is_empty() {
        found.push((at.clone(), value.clone()));
    }
    for (step, part) in steps {
        at.push(step);
        descend(part, at, found);
        at.pop();
    }
}

fn is_atomic(field: &str) -> bool {
    ["selector", "podSelector", "labelSelector", "nodeSelector"].contains(&field)
}

/// What an item of a list is known by, as JSON; nothing, if the list is one value.
fn key_of(at: &Path, field: &str, item: &Value) -> Option<String> {
    let keys: &[&str] = match field {
        "containers" | "env" | "imagePullSecrets" | "initContainers" | "volumes" => &["name"],
        "conditions" => &["type"],
        "ownerReferences" => &["uid"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "volumeMounts" => &["mountPath"],
        "ports" if item.get("containerPort").is_some() => &["containerPort", "protocol"],
        "ports" if at == &["f:spec", "f:ports"] => &["port", "protocol"],
        _ => return None,
    };
    let of_item = |key: &&str| {
        let usual = if *key == "protocol" { json!("TCP") } else { Value::Null };
        ((*key).to_owned(), item.get(*key).cloned().unwrap_or(usual))
    };
    serde_json::to_string(&keys.iter().map(of_item).collect::<Map<_, _>>()).ok()
}

/// The object that has these fields.
pub(super) fn object_of(fields: &[(Path, Value)]) -> Value {
    let mut object = json!({});
    for (path, value) in fields {
        let mut place = &mut object;
        for step in path {
            place = below(place, step);
        }
        place.clone_from(value);
    }
    object
}

fn below<'a>(place: &'a mut Value, step: &str) -> &'a mut Value {
    match step.split_once(':') {
        Some(("f", name)) => &mut place[name],
        Some(("k", key)) => {
            if !place.is_array() {
                *place = json!([]);
            }
            let items = place.as_array_mut().unwrap();
            let keys: Map<String, Value> = serde_json::from_str(key).unwrap();
            let is_it = |item: &Value| keys.iter().all(|(key, value)| item[key] == *value);
            let index = items.iter().position(is_it).unwrap_or_else(|| {
                items.push(Value::Object(keys.clone()));
                items.len() - 1
            });
            &mut items[index]
        }
        _ => panic!("no step: {step}"),
    }
}

/// Whether one field is in the other, or is the same.
pub(super) fn is_in(inner: &Path, outer: &Path) -> bool {
    inner.starts_with(outer)
}

/// A set of fields as `metadata.managedFields` has it. An item is itself in the set if its key is.
pub(super) fn to_v1(paths: &BTreeSet<Path>) -> Value {
    let mut set = json!({});
    for path in paths {
        let mut place = &mut set;
        for step in path {
            place = &mut place[step];
            if place.is_null() {
                *place = json!({});
            }
        }
        if let [items @ .., item, field] = path.as_slice()
            && is_key(item, field)
        {
            let around = items.iter().fold(&mut set, |place, step| &mut place[step]);
            around[item]["."] = json!({});
        }
    }
    set
}

fn is_key(item: &str, field: &str) -> bool {
    let keys = item.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Map<_, _>>(keys).ok());
    keys.is_some_and(|keys| keys.contains_key(field.trim_start_matches("f:")))
}

/// The set of fields that `metadata.managedFields` has.
pub(super) fn from_v1(set: &Value) -> BTreeSet<Path> {
    let mut paths = BTreeSet::new();
    collect(set, &mut Vec::new(), &mut paths);
    paths
}

fn collect(set: &Value, at: &mut Path, paths: &mut BTreeSet<Path>) {
    let steps = set.as_object().into_iter().flatten().filter(|(step, _)| *step != ".");
    let mut is_leaf = true;
    for (step, part) in steps {
        is_leaf = false;
        at.push(step.clone());
        collect(part, at, paths);
        at.pop();
    }
    if is_leaf && !at.is_empty() {
        paths.insert(at.clone());
    }
}

/// A field as it is named in words: `.spec.template.spec.containers[name="web"].image`.
pub(super) fn in_words(path: &Path) -> String {
    let step = |step: &String| match step.split_once(':') {
        Some(("k", key)) => {
            let keys: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        Some((_, name)) => format!(".{name}"),
        None => step.clone(),
    };
    path.iter().map(step).collect()
}
