//! A cluster without what differs from one course of things to another: names of pods, numbers, times.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use similar::TextDiff;

use crate::support::api_server::{Object, Store};

/// What there is, by kind and name; of pods how many there are of each sort.
pub(super) type Picture = BTreeMap<String, Value>;

/// The run's own objects: the lock, what has failed on the way, and the history, which has times.
const OWN: [&str; 3] = ["xtask-run", "failed-releases", "release-history"];

pub(super) fn picture(store: &Store) -> Picture {
    let mut picture = Picture::new();
    for kind in store.kinds.iter().filter(|kind| kind.plural != "pods") {
        for object in store.all(kind.plural) {
            let name = object["metadata"]["name"].as_str().unwrap();
            if !OWN.contains(&name) {
                picture.insert(format!("{}/{name}", kind.plural), essence(&object));
            }
        }
    }
    // One whose owner is gone is on its way out, too.
    let stays = |pod: &&Object| {
        let metadata = &pod["metadata"];
        metadata["deletionTimestamp"].is_null() && store.has(&metadata["ownerReferences"][0]["uid"])
    };
    for pod in store.all("pods").iter().filter(stays) {
        let metadata = &pod["metadata"];
        let sort = format!("pods of {} {}", metadata["ownerReferences"][0]["name"], metadata["annotations"]);
        let count = picture.get(&sort).map_or(0, |count| count.as_u64().unwrap());
        picture.insert(sort, json!(count + 1));
    }
    picture
}

/// Two clusters must be the same; where they are not is told, rather than all that they have.
#[track_caller]
pub(super) fn assert_same(is: &Picture, wanted: &Picture, after: &str) {
    let names: BTreeSet<&String> = is.keys().chain(wanted.keys()).collect();
    for name in names {
        let (is, wanted) = (is.get(name), wanted.get(name));
        let text = |value: Option<&Value>| value.map_or_else(String::new, |value| format!("{value:#}\n"));
        let (is, wanted) = (text(is), text(wanted));
        let differ = TextDiff::from_lines(&wanted, &is);
        assert!(is == wanted, "{name} after {after}:\n{}", differ.unified_diff());
    }
}

fn essence(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].take();
    object["metadata"] = json!({ "labels": metadata["labels"], "annotations": metadata["annotations"] });
    object["status"] = Value::Null;
    let managers = metadata["managedFields"].as_array().into_iter().flatten();
    // In whichever order they came, and by whose hand the number of processes was there first: in the end it is that of
    // the manager that scales.
    let mut managers: Vec<Value> = managers
        .map(|one| {
            let mut fields = one["fieldsV1"].clone();
            if one["manager"] == "xtask"
                && let Some(spec) = fields["f:spec"].as_object_mut()
            {
                spec.remove("f:replicas");
            }
            json!([one["manager"], one["operation"], fields])
        })
        .collect();
    managers.sort_by_key(Value::to_string);
    object["managers"] = managers.into();
    object
}
