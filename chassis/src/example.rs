//! A request that writes something and one that reads it. With them a client that does not know what the service is for
//! can check from outside that nothing is lost.

use serde::Serialize;
use serde_json::Value;

/// Writes something, and reads it.
///
/// ```
/// use chassis::Example;
/// use serde_json::json;
///
/// // `POST /api/pets` with a name answers `{"id": 7, ...}`, and `GET /api/pets/7` tells the name again.
/// let example = Example::new("/api/pets", json!({ "name": "{text}" }), "/id", "/api/pets/{id}");
/// # let _ = example;
/// ```
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct Example {
    write: Write,
    id: &'static str,
    read: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Write {
    path: &'static str,
    body: Value,
}

impl Example {
    /// `POST`s this JSON document, which has `{text}` somewhere: a text that no other request has. The answer is a JSON
    /// document, in which a JSON pointer (RFC 6901) leads to the id. `GET` of the last path, which has `{id}` in its place,
    /// tells the text again.
    pub fn new(write: &'static str, body: Value, id: &'static str, read: &'static str) -> Self {
        Self { write: Write { path: write, body }, id, read }
    }
}
