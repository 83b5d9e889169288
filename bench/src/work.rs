//! What is asked for.

use clap::ValueEnum;

/// One of the two requests that are compared.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Work {
    /// The first page of the list.
    List,
    /// A new todo.
    Create,
}

/// The todo that is created, over and over.
pub(crate) const TITLE: &str = "Water the plants on the balcony";
pub(crate) const NOTES: &str = "The big one twice; the small ones only if their soil is dry.";
pub(crate) const DUE: &str = "2099-01-31T12:00:00Z";

/// The body of a request that creates it.
pub(crate) fn body() -> String {
    serde_json::json!({ "title": TITLE, "notes": NOTES, "due_at": DUE }).to_string()
}
