//! What a request does to the objects, and what is answered.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{
    answer::{Answer, list, seen},
    controllers::{is_leaving, is_ready, leave},
    kinds::{Kind, Route, resources},
    managed::{self, Manager},
    patch::patched,
    selector::Selector,
    store::{Object, Store, now},
};
use crate::support::call::Call;

/// Answers a request that is no watch.
pub(super) fn answer(store: &mut Store, call: &Call) -> Answer {
    match Route::of(&call.path, &store.kinds) {
        Route::Version => {
            let version =
                json!({ "major": "1", "minor": "33", "gitVersion": "v1.33.0", "platform": "linux/amd64" });
            Answer::document(200, &version)
        }
        Route::Resources(version) => match resources(&version, &store.kinds) {
            Some(list) => Answer::document(200, &list),
            None => Answer::unknown_path(),
        },
        Route::NoKind => Answer::unknown_path(),
        Route::Nothing => Answer::text(404, "404 page not found\n"),
        Route::Objects { kind, namespace, name, below } => {
            let below: Vec<&str> = below.iter().map(String::as_str).collect();
            let place = Place { kind, namespace, name: name.unwrap_or_default() };
            place.answer(store, call, &below)
        }
    }
}

/// What a request is about: an object, or all of a kind if there is no name.
struct Place {
    kind: Kind,
    namespace: String,
    name: String,
}

impl Place {
    fn answer(&self, store: &mut Store, call: &Call, below: &[&str]) -> Answer {
        let metadata_only = call.accept.contains("as=PartialObjectMetadata");
        if self.kind.plural == "selfsubjectaccessreviews" {
            let mut review = call.document();
            review["status"] = json!({ "allowed": true });
            return Answer::document(201, &review);
        }
        match (call.method.as_str(), self.name.as_str(), below) {
            ("GET", "", []) => self.list(store, call, metadata_only),
            ("POST", "", []) => self.create(store, call),
            ("GET", _, ["proxy", path @ ..]) if self.kind.plural == "services" => self.serve(store, path),
            ("PATCH", _, []) if call.content_type.starts_with("application/apply-patch") => {
                self.apply(store, call)
            }
            // An update of a Lease that is not there makes it.
            ("PUT", _, []) if self.kind.plural == "leases" && self.live(store).is_none() => {
                self.create(store, call)
            }
            _ => match self.live(store) {
                None => Answer::not_found(&self.kind, &self.name),
                Some(live) => self.answer_about(store, call, below, &live),
            },
        }
    }

    fn live(&self, store: &Store) -> Option<Object> {
        store.get(self.kind.plural, &self.namespace, &self.name)
    }

    /// The output of its container, or what a node says of one that it cannot read.
    fn log(&self, path: &str) -> String {
        let name = &self.name;
        match (path.contains("previous=true"), path.contains("timestamps=true")) {
            (true, _) => format!("failed to try resolving symlinks in path \"/var/log/pods/{name}\""),
            (false, true) => format!("2011-04-06T20:32:17.5Z the output of {name}\n"),
            (false, false) => format!("the output of {name}\n"),
        }
    }

    /// Answers what is asked of an object that is there.
    fn answer_about(&self, store: &mut Store, call: &Call, below: &[&str], live: &Value) -> Answer {
        let metadata_only = call.accept.contains("as=PartialObjectMetadata");
        match (call.method.as_str(), below) {
            ("GET", []) => Answer::document(200, &seen(live, metadata_only)),
            ("GET", ["log"]) => Answer::text(200, self.log(&call.path)),
            ("GET", ["scale"]) => Answer::document(200, &scale(live)),
            ("PUT", []) => self.change(store, call, live, &call.document(), None),
            ("PATCH", []) => match patched(live, call) {
                Some(changed) => self.change(store, call, live, &changed, None),
                None => Answer::refusal(422, "Invalid", "the patch does not fit the object", &json!({})),
            },
            ("PATCH", ["scale"]) => {
                let asked = call.document();
                let mut scaled = live.clone();
                scaled["spec"]["replicas"] = asked["spec"]["replicas"].clone();
                if !asked["metadata"]["resourceVersion"].is_null() {
                    scaled["metadata"]["resourceVersion"] = asked["metadata"]["resourceVersion"].clone();
                }
                let answer = self.change(store, call, live, &scaled, Some("scale"));
                if answer.code == 200 {
                    let object = serde_json::from_str(&answer.body).unwrap();
                    return Answer::document(200, &scale(&object));
                }
                answer
            }
            ("DELETE", []) => self.delete(store, call, live),
            _ => Answer::text(405, format!("the tests' server does not know what to do with {call}")),
        }
    }

    fn list(&self, store: &Store, call: &Call, metadata_only: bool) -> Answer {
        let selector = Selector::of(call);
        let is_asked_for = |object: &Object| {
            (self.namespace.is_empty() || object["metadata"]["namespace"] == self.namespace.as_str())
                && selector.takes(object)
        };
        let found: Vec<Object> = store.all(self.kind.plural).into_iter().filter(is_asked_for).collect();
        Answer::document(200, &list(&self.kind, &found, store.version, metadata_only))
    }

    fn create(&self, store: &mut Store, call: &Call) -> Answer {
        let mut object = call.document();
        if object["metadata"]["name"].is_null() {
            let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default();
            object["metadata"]["name"] = json!(format!("{prefix}{:05}", store.version));
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if store.get(self.kind.plural, &self.namespace, &name).is_some() {
            return Answer::exists(&self.kind, &name);
        }
        let made = managed::update(&Value::Null, &object, &manager(call, "Update"), &now());
        self.keep(store, call, &Value::Null, made)
    }

    fn apply(&self, store: &mut Store, call: &Call) -> Answer {
        let live = self.live(store).unwrap_or_default();
        let force = call.query("force").is_some_and(|force| force == "true");
        match managed::apply(&live, &call.document(), &manager(call, "Apply"), force, &now()) {
            Ok(applied) => self.keep(store, call, &live, applied),
            Err(conflicts) => managed::refusal(&conflicts),
        }
    }

    /// A change that is no apply. It is refused if it was made of another version than the present one.
    fn change(
        &self,
        store: &mut Store,
        call: &Call,
        live: &Value,
        changed: &Value,
        subresource: Option<&'static str>,
    ) -> Answer {
        let version = &changed["metadata"]["resourceVersion"];
        if !version.is_null() && *version != live["metadata"]["resourceVersion"] {
            return Answer::modified(&self.kind, &self.name);
        }
        let manager = Manager { subresource, ..manager(call, "Update") };
        self.keep(store, call, live, managed::update(live, changed, &manager, &now()))
    }

    /// Keeps an object as it has become, unless it is only asked what would become of it.
    fn keep(&self, store: &mut Store, call: &Call, live: &Value, mut object: Value) -> Answer {
        if self.kind.namespaced && store.get("namespaces", "", &self.namespace).is_none() {
            let namespaces = store.kinds.iter().find(|kind| kind.plural == "namespaces").unwrap();
            return Answer::not_found(namespaces, &self.namespace);
        }
        if self.kind.namespaced {
            object["metadata"]["namespace"] = json!(self.namespace);
        }
        complete(&self.kind, &mut object);
        if let Some(field) = changed_for_ever(&self.kind, live, &object) {
            return Answer::immutable(&self.kind, &self.name, field);
        }
        let code = if live.is_null() { 201 } else { 200 };
        let object = if call.changes() { store.put(object) } else { Object::new(object) };
        Answer::document(code, &object)
    }

    fn delete(&self, store: &mut Store, call: &Call, live: &Value) -> Answer {
        let asked = &call.document()["preconditions"];
        let differs = |of: &str| !asked[of].is_null() && asked[of] != live["metadata"][of];
        if differs("resourceVersion") || differs("uid") {
            return Answer::modified(&self.kind, &self.name);
        }
        if self.kind.plural != "pods" {
            store.remove(live);
            return Answer::deleted(&self.kind, live);
        }
        if !is_leaving(live) {
            leave(store, live);
        }
        Answer::document(200, &self.live(store).unwrap_or_default())
    }

    /// What a service answers: that it is ready, and of which release, if any of its pods is.
    fn serve(&self, store: &Store, path: &[&str]) -> Answer {
        let name = self.name.split(':').next().unwrap_or_default();
        if store.get("services", &self.namespace, name).is_none() {
            return Answer::not_found(&self.kind, name);
        }
        let takes = |pod: &&Object| {
            pod["metadata"]["namespace"] == self.namespace.as_str()
                && pod["metadata"]["labels"]["app.kubernetes.io/component"] == name
                && is_ready(pod)
                && !is_leaving(pod)
        };
        let pods = store.all("pods");
        let Some(pod) = pods.iter().find(takes) else {
            let message = format!("no endpoints available for service \"{}\"", self.name);
            return Answer::refusal(503, "ServiceUnavailable", &message, &Value::Null);
        };
        let release = pod["metadata"]["annotations"]["twelve-factor.dev/release"].as_str();
        Answer::text(200, format!("/{}\n", path.join("/"))).with("x-release", release.unwrap_or_default())
    }
}

/// Who asks: kubectl says so in its path, and so does this toolchain.
fn manager(call: &Call, operation: &'static str) -> Manager {
    let name = call.query("fieldManager").unwrap_or_else(|| "unknown".into());
    Manager { name, operation, subresource: None }
}

/// What the cluster adds by itself, as far as it is read here.
fn complete(kind: &Kind, object: &mut Value) {
    if matches!(kind.name, "Deployment" | "StatefulSet") && object["spec"]["replicas"].is_null() {
        object["spec"]["replicas"] = json!(1);
    }
    if let Some(Value::Object(texts)) = object.as_object_mut().and_then(|parts| parts.remove("stringData")) {
        for (name, text) in texts {
            object["data"][name] = json!(BASE64_STANDARD.encode(text.as_str().unwrap_or_default()));
        }
    }
}

/// A field that cannot be changed, and is.
fn changed_for_ever(kind: &Kind, live: &Value, object: &Value) -> Option<&'static str> {
    let fields: &[&str] = match kind.name {
        "Deployment" => &["/spec/selector"],
        "StatefulSet" => &["/spec/selector", "/spec/serviceName", "/spec/volumeClaimTemplates"],
        "Job" => &["/spec/template", "/spec/selector"],
        "ConfigMap" | "Secret" if live["immutable"] == true => &["/data", "/immutable"],
        _ => &[],
    };
    let changed = |field: &&&str| !live.is_null() && live.pointer(field) != object.pointer(field);
    fields.iter().find(changed).copied()
}

fn scale(object: &Value) -> Value {
    let metadata = |of: &str| object["metadata"][of].clone();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata("name"), "namespace": metadata("namespace"), "uid": metadata("uid"),
            "resourceVersion": metadata("resourceVersion"), "creationTimestamp": metadata("creationTimestamp"),
        },
        "spec": { "replicas": object["spec"]["replicas"] },
        "status": { "replicas": object["status"]["replicas"].as_i64().unwrap_or(0) },
    })
}
