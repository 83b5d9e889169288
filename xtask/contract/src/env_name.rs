//! A deploy's name, as in `--env dev`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a deploy: a lower-case letter, then up to 30 letters, digits or inner hyphens. It is safe as
/// a folder's name and within any Kubernetes name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvName(String);

impl EnvName {
    /// The deploy on this machine that needs no container engine.
    pub fn local() -> Self {
        Self("local".into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnvName {
    type Err = NotAnEnvName;

    fn from_str(text: &str) -> Result<Self, NotAnEnvName> {
        let inner = text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        if inner && first && !text.ends_with('-') && text.len() <= 31 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnEnvName)
        }
    }
}

impl TryFrom<String> for EnvName {
    type Error = NotAnEnvName;

    fn try_from(text: String) -> Result<Self, NotAnEnvName> {
        text.parse()
    }
}

impl From<EnvName> for String {
    fn from(name: EnvName) -> Self {
        name.0
    }
}

/// A text that cannot name a deploy.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnEnvName;

impl fmt::Display for NotAnEnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a deploy's name is a lower-case letter, then at most 30 letters, digits or hyphens")
    }
}

impl std::error::Error for NotAnEnvName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_folders_and_kubernetes_names() {
        for good in ["local", "dev", "prod-eu-1"] {
            assert_eq!(good.parse::<EnvName>().unwrap().as_str(), good);
        }
        for bad in ["", "..", "Dev", "1st", "a/b", "a-", "a b", &"a".repeat(32)] {
            assert_eq!(bad.parse::<EnvName>(), Err(NotAnEnvName), "{bad}");
        }
    }
}
