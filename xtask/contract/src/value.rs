//! Which values a configuration variable takes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The kinds of values, as `describe` writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Value {
    /// Any text that is not empty.
    String,
    /// A whole number within bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of these words.
    Choice {
        /// The words.
        choices: Vec<String>,
    },
    /// A whole number with a unit: `250ms`, `5s`, `2m`.
    Duration,
    /// An IP address.
    Address,
    /// `scheme://…`.
    Url,
}

impl Value {
    /// Says what is expected instead, if this text is no such value. The text itself is not repeated: it
    /// could be a secret.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let fits = match self {
            Self::String => !text.is_empty(),
            Self::Integer { min, max } => {
                text.parse().is_ok_and(|number: i64| (*min..=*max).contains(&number))
            }
            Self::Choice { choices } => choices.iter().any(|choice| choice == text),
            Self::Duration => is_duration(text),
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::Url => is_url(text),
        };
        if fits { Ok(()) } else { Err(self.expected()) }
    }

    fn expected(&self) -> String {
        match self {
            Self::String => "a text that is not empty".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Choice { choices } => format!("one of {}", choices.join(", ")),
            Self::Duration => "a duration such as 250ms, 5s or 2m".into(),
            Self::Address => "an IP address".into(),
            Self::Url => "a URL".into(),
        }
    }
}

fn is_duration(text: &str) -> bool {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    matches!(unit, "ms" | "s" | "m") && number.parse::<u32>().is_ok()
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c))
            && !rest.is_empty()
            && !text.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_its_values_and_refuses_others() {
        let choice = Value::Choice { choices: vec!["info".into(), "debug".into()] };
        let cases: [(Value, &[&str], &[&str]); 6] = [
            (Value::String, &["x", " "], &[""]),
            (Value::Integer { min: 0, max: 65535 }, &["0", "65535"], &["", "-1", "65536", "1.5", "0x10"]),
            (choice, &["info", "debug"], &["", "INFO", "warn"]),
            (Value::Duration, &["0s", "250ms", "2m"], &["", "5", "s", "-1s", "1.5s", "5 s", "1h"]),
            (Value::Address, &["0.0.0.0", "::1"], &["", "localhost", "127.0.0.1:80"]),
            (
                Value::Url,
                &["postgres://u:p@h:1/d", "https://x"],
                &["", "postgres", "://x", "a b://c", "x://"],
            ),
        ];
        for (value, good, bad) in cases {
            for text in good {
                assert_eq!(value.check(text), Ok(()), "{text:?}");
            }
            for text in bad {
                assert!(value.check(text).is_err(), "{value:?} took {text:?}");
            }
        }
    }
}
