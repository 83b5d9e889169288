//! A repository of a container registry, such as `registry.example.com/team/service`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A registry's host and a name there, without tag and digest: an image is known by its digest alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository(String);

impl Repository {
    /// The registry: a host, and a port where it has one.
    pub fn host(&self) -> &str {
        self.0.split_once('/').map_or("", |(host, _)| host)
    }

    /// The repository's name at the registry.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Repository {
    type Err = NotARepository;

    fn from_str(text: &str) -> Result<Self, NotARepository> {
        let wrong = |why| Err(NotARepository(why));
        let Some((host, name)) = text.split_once('/') else { return wrong("it has no `/`") };
        if !is_host(host) {
            return wrong("it does not begin with a registry's host (a name with a dot, or `localhost`)");
        }
        if name.contains('@') {
            return wrong("it has a digest, which comes from the release");
        }
        if name.contains(':') {
            return wrong("it has a tag; images are known by their digests alone");
        }
        if !name.split('/').all(is_component) || name.len() > 255 {
            return wrong(
                "the name after the host is not of lower-case letters, digits and inner `.`, `_`, `-`",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// What a name's first part must look like to be a registry and not a part of the name.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let name_is_one = name.split('.').all(|label| {
        let ends = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && !ends && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    });
    let port_is_one = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    name_is_one && port_is_one && (name.contains('.') || port.is_some() || name == "localhost")
}

fn is_component(text: &str) -> bool {
    let is_inner = |c| matches!(c, b'.' | b'_' | b'-');
    let known = text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || is_inner(c));
    let bytes = text.as_bytes();
    known && bytes.first().is_some_and(|c| !is_inner(*c)) && bytes.last().is_some_and(|c| !is_inner(*c))
}

impl TryFrom<String> for Repository {
    type Error = NotARepository;

    fn try_from(text: String) -> Result<Self, NotARepository> {
        text.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.0
    }
}

/// Why a text names no repository.
#[derive(Debug, PartialEq, Eq)]
pub struct NotARepository(&'static str);

impl fmt::Display for NotARepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a repository is HOST/NAME, such as registry.example.com/team/service: {}", self.0)
    }
}

impl std::error::Error for NotARepository {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_host_and_a_name() {
        for (text, host, name) in [
            ("registry.example.com/team/greeter", "registry.example.com", "team/greeter"),
            ("localhost/greeter_api", "localhost", "greeter_api"),
            ("127.0.0.1:5000/greeter", "127.0.0.1:5000", "greeter"),
        ] {
            let repository: Repository = text.parse().unwrap();
            assert_eq!((repository.host(), repository.name()), (host, name));
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        for (text, why) in [
            ("greeter", "no `/`"),
            ("team/greeter", "registry's host"),
            ("registry:0/greeter", "registry's host"),
            ("https://registry.example.com/greeter", "registry's host"),
            ("user:password@registry.example.com/greeter", "registry's host"),
            ("registry.example.com/greeter:1", "tag"),
            ("registry.example.com/greeter@sha256:00", "digest"),
            ("registry.example.com/Todo", "lower-case"),
            ("registry.example.com/", "lower-case"),
            ("registry.example.com/a//b", "lower-case"),
        ] {
            let told = text.parse::<Repository>().unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
