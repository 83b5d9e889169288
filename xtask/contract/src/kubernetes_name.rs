//! Names of Kubernetes objects.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A namespace's name: a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

impl Namespace {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this is a DNS label: at most 63 lower-case letters, digits or inner hyphens.
pub fn is_label(text: &str) -> bool {
    let inner = text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    inner && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether this is a DNS name: at most 253 characters, labels with dots between.
pub fn is_dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Namespace {
    type Err = NotANamespace;

    fn from_str(text: &str) -> Result<Self, NotANamespace> {
        if is_label(text) { Ok(Self(text.to_owned())) } else { Err(NotANamespace) }
    }
}

impl TryFrom<String> for Namespace {
    type Error = NotANamespace;

    fn try_from(text: String) -> Result<Self, NotANamespace> {
        text.parse()
    }
}

impl From<Namespace> for String {
    fn from(name: Namespace) -> Self {
        name.0
    }
}

/// A text that cannot name a namespace.
#[derive(Debug, PartialEq, Eq)]
pub struct NotANamespace;

impl fmt::Display for NotANamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a namespace's name is at most 63 lower-case letters, digits or inner hyphens")
    }
}

impl std::error::Error for NotANamespace {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "greeter-prod", "1st", &"a".repeat(63)] {
            assert!(good.parse::<Namespace>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a/b", "a b", &"a".repeat(64)] {
            assert_eq!(bad.parse::<Namespace>(), Err(NotANamespace), "{bad}");
        }
        assert!(is_dns_name("todo.example.com") && !is_dns_name("todo..com") && !is_dns_name("a_b"));
    }
}
