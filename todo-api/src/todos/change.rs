//! What is announced of todos.

use chassis::events;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What happened to the todos.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Change {
    /// It is new or other than before.
    Saved {
        saved: Uuid,
        version: i64,
    },
    Removed {
        removed: Uuid,
        version: i64,
    },
    /// Anything may have happened: read the list again.
    #[serde(skip)]
    Anything,
}

/// The data of an event, as clients get it.
#[derive(Serialize)]
struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
}

impl events::Change for Change {
    const CHANNEL: &'static str = "todos";
    const ANYTHING: Self = Self::Anything;

    fn parse(payload: &str) -> Self {
        serde_json::from_str(payload).unwrap_or(Self::Anything)
    }

    fn payload(&self) -> String {
        match self {
            Self::Saved { saved, version } => format!(r#"{{"saved": "{saved}", "version": {version}}}"#),
            Self::Removed { removed, version } => {
                format!(r#"{{"removed": "{removed}", "version": {version}}}"#)
            }
            Self::Anything => String::new(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Saved { .. } => "saved",
            Self::Removed { .. } => "removed",
            Self::Anything => "resync",
        }
    }

    fn data(&self) -> impl Serialize {
        match *self {
            Self::Saved { saved, version } => Data { id: Some(saved), version: Some(version) },
            Self::Removed { removed, version } => Data { id: Some(removed), version: Some(version) },
            Self::Anything => Data { id: None, version: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use chassis::events::Change as _;

    use super::*;

    #[test]
    fn announcements_are_read_and_strange_ones_mean_anything() {
        let id = Uuid::from_u128(1);
        for change in [
            Change::Saved { saved: id, version: 7 },
            Change::Removed { removed: id, version: 7 },
            Change::Anything,
        ] {
            assert_eq!(Change::parse(&change.payload()), change);
        }
        for payload in ["", "null", "{}", r#"{"saved": "x", "version": 1}"#, r#"{"moved": 1}"#] {
            assert_eq!(Change::parse(payload), Change::Anything, "{payload}");
        }
    }
}
