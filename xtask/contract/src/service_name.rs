//! A service's name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::kubernetes_name::is_label;

/// A service's name: at most 63 lower-case letters, digits or inner hyphens, a letter first. It is safe as a file's name,
/// as a label and within the names of Kubernetes objects and images; with underscores for its hyphens it names a user and
/// a database of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where an image has the service's program.
    pub fn program(&self) -> String {
        format!("/{self}")
    }

    /// The name of its user and of its database in PostgreSQL, which need no quotes in SQL.
    pub fn in_sql(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ServiceName {
    type Err = NotAServiceName;

    fn from_str(text: &str) -> Result<Self, NotAServiceName> {
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        if first && is_label(text) { Ok(Self(text.to_owned())) } else { Err(NotAServiceName) }
    }
}

impl TryFrom<String> for ServiceName {
    type Error = NotAServiceName;

    fn try_from(text: String) -> Result<Self, NotAServiceName> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

/// A text that cannot name a service.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAServiceName;

impl fmt::Display for NotAServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a service's name is a lower-case letter, then at most 62 letters, digits or inner hyphens",
        )
    }
}

impl std::error::Error for NotAServiceName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_paths_labels_and_sql() {
        for good in ["greeter", "a", "a-1", &"a".repeat(63)] {
            assert_eq!(good.parse::<ServiceName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "1st", "A", "a_b", "a.b", "../a", "a b", "é", &"a".repeat(64)] {
            assert_eq!(bad.parse::<ServiceName>(), Err(NotAServiceName), "{bad}");
        }
        let name: ServiceName = "well-greeter".parse().unwrap();
        assert_eq!((name.program(), name.in_sql()), ("/well-greeter".into(), "well_greeter".into()));
    }
}
