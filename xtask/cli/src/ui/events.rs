//! What happens on the way, for programs: one JSON document in a line each.

use serde::Serialize;
use serde_json::Value;
use xtask_contract::{Error, ErrorKind, progress::Rollout};

/// An event, and when it was.
#[derive(Debug, Serialize)]
pub(super) struct Timed<'a> {
    #[serde(flatten)]
    pub(super) event: &'a Event<'a>,
    /// Milliseconds since the command began.
    pub(super) at_ms: u64,
}

/// Something that has happened. The last one is `done` or `failed`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    /// A step begins.
    Step { text: &'a str },
    /// Something that a person should know.
    Note { text: String },
    /// A process type has come further on its way to the release.
    Rollout {
        #[serde(flatten)]
        process: &'a Rollout,
    },
    /// `dev` has come to another state.
    Dev(Value),
    /// It is done.
    Done { result: Value },
    /// It is not.
    Failed(Failure<'a>),
}

/// Why a command failed.
#[derive(Debug, Serialize)]
pub(super) struct Failure<'a> {
    exit: u8,
    /// `failed`, `usage`, `refused`, `not_found`, `denied`, `conflict` or `fell_back`.
    kind: ErrorKind,
    /// `image_unavailable`, `exit_at_start`, …
    cause: Option<&'a str>,
    doing: &'a str,
    why: &'a [String],
    next: Option<&'a str>,
}

impl<'a> Failure<'a> {
    pub(super) fn of(error: &'a Error) -> Self {
        let Error { kind, cause, doing, why, next } = error;
        Self {
            exit: kind.exit_code(),
            kind: *kind,
            cause: cause.as_deref(),
            doing,
            why,
            next: next.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_when_it_was() {
        let line =
            serde_json::to_string(&Timed { event: &Event::Step { text: "checking" }, at_ms: 12 }).unwrap();
        assert_eq!(line, r#"{"event":"step","text":"checking","at_ms":12}"#);
    }

    #[test]
    fn a_failure_bears_the_name_of_its_cause() {
        let mut error = Error::failed("rolling out web", "it ended").next("mend it");
        error.cause = Some("exit_at_start".into());
        let line = serde_json::to_string(&Event::Failed(Failure::of(&error))).unwrap();
        assert_eq!(
            line,
            r#"{"event":"failed","exit":1,"kind":"failed","cause":"exit_at_start","doing":"rolling out web","why":["it ended"],"next":"mend it"}"#
        );
    }
}
