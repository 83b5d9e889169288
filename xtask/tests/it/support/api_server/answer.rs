//! What the server answers: the documents as a real one writes them.

use serde_json::{Value, json};

use super::{kinds::Kind, store::Object};

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// Fields of its head besides the usual ones.
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn text(code: u16, body: impl Into<String>) -> Self {
        Self { code, head: Vec::new(), body: body.into() }
    }

    pub(crate) fn document(code: u16, document: &Value) -> Self {
        Self::text(code, document.to_string())
    }

    /// A refusal.
    pub(crate) fn refusal(code: u16, reason: &str, message: &str, details: &Value) -> Self {
        Self::document(code, &failure(code, reason, message, details))
    }

    /// There is too much to do: ask again after this many seconds.
    pub(crate) fn too_many_requests(seconds: u32) -> Self {
        let message = "The server has received too many requests and has asked us to try again later";
        let details = json!({ "retryAfterSeconds": seconds });
        Self::refusal(429, "TooManyRequests", message, &details).with("retry-after", &seconds.to_string())
    }

    /// All that a watch says that starts from a state that the server has forgotten.
    pub(crate) fn too_old() -> Self {
        let gone = failure(410, "Expired", "too old resource version: 1 (2)", &Value::Null);
        Self::text(200, format!("{}\n", json!({ "type": "ERROR", "object": gone })))
    }

    /// There is no such path.
    pub(super) fn unknown_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::refusal(404, "NotFound", message, &json!({}))
    }

    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.full_plural());
        Self::refusal(404, "NotFound", &message, &details(kind, name))
    }

    pub(super) fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.full_plural());
        Self::refusal(409, "AlreadyExists", &message, &details(kind, name))
    }

    pub(super) fn modified(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes \
             to the latest version and try again",
            kind.full_plural()
        );
        Self::refusal(409, "Conflict", &message, &details(kind, name))
    }

    pub(super) fn immutable(kind: &Kind, name: &str, field: &str) -> Self {
        let cause = "Forbidden: field is immutable";
        let message = format!("{} \"{name}\" is invalid: {field}: {cause}", kind.name);
        let mut details = details(kind, name);
        details["kind"] = json!(kind.name);
        details["causes"] = json!([{ "reason": "FieldValueForbidden", "message": cause, "field": field }]);
        Self::refusal(422, "Invalid", &message, &details)
    }

    pub(super) fn deleted(kind: &Kind, object: &Value) -> Self {
        let mut details = details(kind, object["metadata"]["name"].as_str().unwrap_or_default());
        details["uid"] = object["metadata"]["uid"].clone();
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        });
        Self::document(200, &status)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push((name.to_owned(), value.to_owned()));
        self
    }
}

fn failure(code: u16, reason: &str, message: &str, details: &Value) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    })
}

fn details(kind: &Kind, name: &str) -> Value {
    let mut details = json!({ "name": name, "kind": kind.plural });
    if let Some(group) = kind.group() {
        details["group"] = json!(group);
    }
    details
}

/// An object as its reader asked for it: whole, or its metadata alone.
pub(super) fn seen(object: &Value, metadata_only: bool) -> Value {
    if metadata_only {
        json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] })
    } else {
        object.clone()
    }
}

/// Objects of one kind, as a list of them that was complete at this version.
pub(super) fn list(kind: &Kind, objects: &[Object], version: u64, metadata_only: bool) -> Value {
    let (name, group) = if metadata_only {
        ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1")
    } else {
        (format!("{}List", kind.name), kind.version)
    };
    let item = |object: &Object| {
        let mut item = seen(object, metadata_only);
        if !metadata_only && let Some(parts) = item.as_object_mut() {
            parts.retain(|part, _| part != "kind" && part != "apiVersion");
        }
        item
    };
    let items: Vec<Value> = objects.iter().map(item).collect();
    let metadata = json!({ "resourceVersion": version.to_string() });
    json!({ "kind": name, "apiVersion": group, "metadata": metadata, "items": items })
}
