//! Which values a configuration variable takes.

use std::net::IpAddr;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// The kinds of values, as `describe` writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Value {
    /// Any text that is not empty.
    String(Form),
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
    Duration {
        /// The longest, in the same form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<String>,
    },
    /// An IP address.
    Address,
    /// `scheme://…`.
    Url(Form),
}

/// What else is asked of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// A regular expression for the whole of it, in the syntax of the `regex` crate (no look-around): lengths, lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What it must be, in words that follow "must be".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

impl Value {
    /// Says what is expected instead, if this text is no such value. The text itself is not repeated: it
    /// could be a secret.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let fits = match self {
            Self::String(form) => !text.is_empty() && form.fits(text)?,
            Self::Integer { min, max } => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                digits.bytes().all(|byte| byte.is_ascii_digit())
                    && text.parse().is_ok_and(|number: i64| (*min..=*max).contains(&number))
            }
            Self::Choice { choices } => choices.iter().any(|choice| choice == text),
            Self::Duration { max } => {
                let max = max.as_deref().and_then(milliseconds).unwrap_or(u64::MAX);
                milliseconds(text).is_some_and(|length| length <= max)
            }
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::Url(form) => is_url(text) && form.fits(text)?,
        };
        if fits { Ok(()) } else { Err(self.expected()) }
    }

    fn expected(&self) -> String {
        match self {
            Self::String(Form { expected: Some(words), .. })
            | Self::Url(Form { expected: Some(words), .. }) => words.clone(),
            Self::String(_) => "a text that is not empty".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Choice { choices } => format!("one of {}", choices.join(", ")),
            Self::Duration { max: None } => "a duration such as 250ms, 5s or 2m".into(),
            Self::Duration { max: Some(max) } => {
                format!("a duration such as 250ms, 5s or 2m, of at most {max}")
            }
            Self::Address => "an IP address".into(),
            Self::Url(_) => "a URL".into(),
        }
    }
}

impl Form {
    fn fits(&self, text: &str) -> Result<bool, String> {
        let Some(pattern) = &self.pattern else { return Ok(true) };
        // By itself first: what is one there cannot end the group that it is put into.
        let whole = Regex::new(pattern).and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")));
        whole.map(|whole| whole.is_match(text)).map_err(|error| {
            let why = match error {
                regex::Error::CompiledTooBig(_) => "too large a regular expression",
                _ => "no regular expression for a whole text",
            };
            format!("of the form that the image asks for, which is {why}: {pattern:.80}")
        })
    }
}

/// The length of a duration.
fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
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
        let form = |pattern: &str| Form { pattern: Some(pattern.into()), expected: Some("a list".into()) };
        let cases: [(Value, &[&str], &[&str]); 9] = [
            (Value::String(Form::default()), &["x", " "], &[""]),
            (Value::String(form("[a-z]{2,3}|x*")), &["ab", "abc", "xxxx"], &["", "a", "abcd", "ab\n", "a b"]),
            (Value::String(form("a,b|c")), &["a,b", "c"], &["a,c", "a,b,c"]),
            (
                Value::Integer { min: -1, max: 65535 },
                &["0", "65535", "-1"],
                &["", "-2", "65536", "1.5", "0x10", "+1"],
            ),
            (choice, &["info", "debug"], &["", "INFO", "warn"]),
            (
                Value::Duration { max: None },
                &["0s", "250ms", "2m"],
                &["", "5", "s", "-1s", "1.5s", "5 s", "1h", "99999999999999999999m"],
            ),
            (Value::Duration { max: Some("2m".into()) }, &["2m", "120s"], &["3m", "120001ms"]),
            (Value::Address, &["0.0.0.0", "::1"], &["", "localhost", "127.0.0.1:80"]),
            (
                Value::Url(Form::default()),
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
    #[test]
    fn a_form_is_told_in_its_own_words_and_one_that_is_none_is_named() {
        let form = Form { pattern: Some("https://.*".into()), expected: Some("an address of https".into()) };
        assert_eq!(Value::Url(form).check("http://x"), Err("an address of https".into()));
        let broken = Value::String(Form { pattern: Some("(".into()), expected: None });
        assert!(broken.check("x").unwrap_err().contains("no regular expression"));
        for (pattern, why) in
            [("a)|(?:.*", "no regular"), ("(?x)a # b", "no regular"), (r"\w{1,250}", "too large")]
        {
            let form = Form { pattern: Some(pattern.into()), expected: None };
            assert!(Value::String(form).check("x").unwrap_err().contains(why), "{pattern}");
        }
    }

    #[test]
    fn a_description_without_forms_is_read_as_before() {
        let value: Value = serde_json::from_str(r#"{"type": "string"}"#).unwrap();
        assert_eq!(value, Value::String(Form::default()));
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"type":"string"}"#);
        let value: Value = serde_json::from_str(r#"{"type": "duration"}"#).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"type":"duration"}"#);
    }
}
