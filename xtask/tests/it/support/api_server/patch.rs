//! Patches of an object that are no apply.

use serde_json::{Value, json};

use crate::support::call::Call;

/// The object as a patch makes it; nothing, if the patch does not fit it.
pub(super) fn patched(object: &Value, call: &Call) -> Option<Value> {
    if call.content_type.starts_with("application/json-patch") {
        let mut object = object.clone();
        call.document().as_array()?.iter().all(|step| step_by(&mut object, step)).then_some(object)
    } else {
        Some(merged(object, &call.document()))
    }
}

/// A merge patch (RFC 7386).
fn merged(object: &Value, patch: &Value) -> Value {
    let Value::Object(parts) = patch else { return patch.clone() };
    let mut object = if object.is_object() { object.clone() } else { json!({}) };
    for (name, part) in parts {
        if part.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = merged(&object[name], part);
        }
    }
    object
}

/// A step of a JSON patch (RFC 6902): `add`, `remove`, `replace` or `test`.
fn step_by(object: &mut Value, step: &Value) -> bool {
    let path = step["path"].as_str().unwrap_or_default();
    let Some((around, last)) = path.rsplit_once('/') else { return false };
    let name = last.replace("~1", "/").replace("~0", "~");
    let there = object.pointer(path).is_some();
    match (step["op"].as_str(), object.pointer_mut(around)) {
        (Some("test"), Some(parent)) => there && parent.pointer(&format!("/{last}")) == Some(&step["value"]),
        (Some("remove"), Some(Value::Object(parts))) => parts.remove(&name).is_some(),
        (Some("remove"), Some(Value::Array(items))) if there => {
            items.remove(name.parse().unwrap());
            true
        }
        (Some("replace" | "add"), Some(Value::Object(parts))) if there || step["op"] == "add" => {
            parts.insert(name, step["value"].clone());
            true
        }
        (Some("replace"), Some(Value::Array(items))) if there => {
            items[name.parse::<usize>().unwrap()] = step["value"].clone();
            true
        }
        (Some("add"), Some(Value::Array(items))) => {
            let place = name.parse().unwrap_or(items.len());
            items.insert(place.min(items.len()), step["value"].clone());
            true
        }
        _ => false,
    }
}
