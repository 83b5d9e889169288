//! The objects of the cluster, and all that has happened to them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::kinds::{KINDS, Kind};

/// An object as it was at one moment.
pub(crate) type Object = Arc<Value>;

/// By the plural of the kind, the namespace, and the name.
type Id = (&'static str, String, String);

/// What happened to an object.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) version: u64,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(super) what: &'static str,
    pub(super) kind: Kind,
    pub(super) object: Object,
}

/// The objects. A copy of them is the cluster as it was.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// The kinds that the cluster knows.
    pub(crate) kinds: Vec<Kind>,
    pub(super) version: u64,
    pub(super) history: Vec<Event>,
    objects: BTreeMap<Id, Object>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self { kinds: KINDS.to_vec(), version: 1, history: Vec::new(), objects: BTreeMap::new() }
    }

    /// An object, if it is there.
    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Object> {
        let kind = self.kinds.iter().find(|kind| kind.plural == plural)?;
        self.objects.get(&(kind.plural, namespace.to_owned(), name.to_owned())).cloned()
    }

    /// All objects of a kind, in all namespaces.
    pub(crate) fn all(&self, plural: &str) -> Vec<Object> {
        self.objects
            .iter()
            .filter(|((of, ..), _)| *of == plural)
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// Whether the object with this UID is there.
    pub(crate) fn has(&self, uid: &Value) -> bool {
        self.objects.values().any(|object| object["metadata"]["uid"] == *uid)
    }

    /// Puts an object where its kind and its names say, and tells what it has become. One that is as before is not
    /// changed.
    pub(crate) fn put(&mut self, mut object: Value) -> Object {
        let (kind, id) = self.id_of(&object);
        let before = self.objects.get(&id).cloned();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|name, value| {
            !value.is_null() && !["resourceVersion", "generation"].contains(&name.as_str())
        });
        let kept = before.iter().flat_map(|before| before["metadata"].as_object().unwrap());
        let own = ["uid", "creationTimestamp", "resourceVersion", "generation"];
        metadata.extend(
            kept.filter(|(name, _)| own.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if let Some(before) = before.as_ref().filter(|before| ***before == object) {
            return Arc::clone(before);
        }
        self.version += 1;
        let generation =
            before.as_ref().and_then(|before| before["metadata"]["generation"].as_i64()).unwrap_or(0);
        let is_other = before.as_ref().is_none_or(|before| before["spec"] != object["spec"]);
        let metadata = &mut object["metadata"];
        if before.is_none() {
            metadata["uid"] = json!(new_uid());
            metadata["creationTimestamp"] = json!(now());
        }
        if has_generation(kind) {
            metadata["generation"] = json!(generation + i64::from(is_other));
        }
        metadata["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        self.tell(if before.is_none() { "ADDED" } else { "MODIFIED" }, kind, &object);
        self.objects.insert(id, Arc::clone(&object));
        object
    }

    /// Changes an object that is there.
    pub(crate) fn edit(&mut self, object: &Value, edit: impl FnOnce(&mut Value)) {
        let mut object = object.clone();
        edit(&mut object);
        self.put(object);
    }

    /// Takes an object away.
    pub(crate) fn remove(&mut self, object: &Value) {
        let (kind, id) = self.id_of(object);
        if let Some(object) = self.objects.remove(&id) {
            self.version += 1;
            let mut last = Value::clone(&object);
            last["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.tell("DELETED", kind, &Arc::new(last));
        }
    }

    fn tell(&mut self, what: &'static str, kind: Kind, object: &Object) {
        self.history.push(Event { version: self.version, what, kind, object: Arc::clone(object) });
    }

    fn id_of(&self, object: &Value) -> (Kind, Id) {
        let kind = self
            .kinds
            .iter()
            .find(|kind| object["kind"] == kind.name && object["apiVersion"] == kind.version);
        let kind = *kind.unwrap_or_else(|| panic!("no kind of the server's: {object}"));
        let name = |of: &str| object["metadata"][of].as_str().unwrap_or_default().to_owned();
        let namespace = if kind.namespaced { name("namespace") } else { String::new() };
        (kind, (kind.plural, namespace, name("name")))
    }
}

/// The time as Kubernetes writes it.
pub(super) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// No two objects have the same one, not even of two clusters.
fn new_uid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn has_generation(kind: Kind) -> bool {
    ["apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1"].contains(&kind.version)
}
