//! The two requests that write something to a service and read it again, by its own description. With them a client
//! that does not know what the service is for can check from outside that nothing is lost.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The place of a text that no other request has.
const TEXT: &str = "{text}";
/// The place of what the first answer says that the second request is to ask for.
const ID: &str = "{id}";

/// A request that writes something, and one that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The request that writes.
    pub write: Write,
    /// Where the id is in its answer, a JSON document: a JSON pointer (RFC 6901).
    pub id: String,
    /// The path that `GET` reads it at, which has `{id}` somewhere.
    pub read: String,
}

/// A `POST` of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Where to.
    pub path: String,
    /// The document, which has `{text}` somewhere.
    pub body: Value,
}

impl Example {
    /// The document that writes this text.
    pub fn body(&self, text: &str) -> String {
        put(self.write.body.clone(), text).to_string()
    }

    /// The path at which what was written is read, by the answer to that; none, if the answer has no id.
    pub fn path(&self, answer: &Value) -> Option<String> {
        let id = match answer.pointer(&self.id)? {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return None,
        };
        Some(self.read.replace(ID, &escaped(&id)))
    }
}

/// The document with this text in its place.
fn put(document: Value, text: &str) -> Value {
    match document {
        Value::String(string) => string.replace(TEXT, text).into(),
        Value::Array(all) => all.into_iter().map(|one| put(one, text)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, one)| (name, put(one, text))).collect(),
        other => other,
    }
}

/// As it stands in a path: all but the unreserved characters (RFC 3986, 2.3) by their bytes.
fn escaped(id: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    id.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_written_and_what_the_answer_calls_it_is_read() {
        let example: Example = serde_json::from_value(json!({
            "write": { "path": "/pets", "body": { "name": "a {text}", "tags": ["{text}", 1] } },
            "id": "/pet/id", "read": "/pets/{id}/name",
        }))
        .unwrap();
        assert_eq!(example.body("x"), r#"{"name":"a x","tags":["x",1]}"#);
        let path = |id: Value| example.path(&json!({ "pet": { "id": id } }));
        assert_eq!(path(json!(7)).unwrap(), "/pets/7/name");
        assert_eq!(path(json!("a/b ü")).unwrap(), "/pets/a%2Fb%20%C3%BC/name");
        assert_eq!((path(json!(null)), example.path(&json!([]))), (None, None));
    }
}
