//! Where a cluster's log shipper brings what the processes of a deploy write: `[logging]` in its file.
//!
//! No release carries it: the streams are the processes' (twelve-factor XI), where they go is the platform's.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use url::Url;

/// The log shipper of a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// Where it brings the lines to.
    pub to: Destination,
    /// Its image: rsyslog with the modules of k8s/logging/Dockerfile.
    pub image: String,
}

impl Logging {
    /// The namespace that the shipper of a deploy has for itself: it reads files of the nodes, which the deploy's own
    /// namespace rightly forbids.
    pub fn namespace(deploy: &str) -> String {
        format!("{deploy}-logging")
    }
}

/// Where log lines are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    /// A syslog server, by TCP (RFC 6587), as RFC 5424 has it: `syslog://HOST:514`.
    Syslog {
        /// A name or an address.
        host: String,
        /// 514 if none is named.
        port: u16,
    },
    /// An HTTP server that takes POSTs of lines, each line a JSON document: `https://HOST/PATH`.
    Http {
        /// Whether by TLS.
        tls: bool,
        /// A name or an address.
        host: String,
        /// 443 or 80 if none is named.
        port: u16,
        /// Without the slash that it begins with.
        path: String,
    },
    /// A file of each node, absolute: `file:///var/log/service.log`.
    File {
        /// The folder that it is in.
        folder: String,
        /// Its name there.
        name: String,
    },
}

const FORMS: &str = "syslog://HOST:514, https://HOST/PATH, http://HOST/PATH or file:///FOLDER/FILE";

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; its form is {FORMS}");
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or a password, and this file is no place for them"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it ends with a query or a fragment"));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let scheme = url.scheme();
        if scheme == "file" {
            let (folder, name) = url.path().rsplit_once('/').unwrap_or_default();
            if !host.is_empty() || folder.is_empty() || name.is_empty() {
                return Err(wrong("it names no file in a folder of the node"));
            }
            return Ok(Self::File { folder: folder.to_owned(), name: name.to_owned() });
        }
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        match scheme {
            "syslog" if matches!(url.path(), "" | "/") => {
                Ok(Self::Syslog { host, port: url.port().unwrap_or(514) })
            }
            "syslog" => Err(wrong("a syslog server has no path")),
            "http" | "https" => {
                let tls = scheme == "https";
                let port = url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 });
                Ok(Self::Http { tls, host, port, path: url.path().trim_start_matches('/').to_owned() })
            }
            other => Err(wrong(&format!("{other} is no way to ship lines"))),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syslog { host, port } => write!(f, "syslog://{host}:{port}"),
            Self::Http { tls, host, port, path } => {
                write!(f, "{}://{host}:{port}/{path}", if *tls { "https" } else { "http" })
            }
            Self::File { folder, name } => write!(f, "file://{folder}/{name}"),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_the_same_after_writing_and_reading() {
        for (text, shown) in [
            ("syslog://logs.example.com", "syslog://logs.example.com:514"),
            ("syslog://[::1]:601/", "syslog://[::1]:601"),
            ("https://logs.example.com/in?", ""),
            ("https://logs.example.com/in", "https://logs.example.com:443/in"),
            ("http://10.0.0.1:9000", "http://10.0.0.1:9000/"),
            ("file:///var/log/greeter/all.log", "file:///var/log/greeter/all.log"),
        ] {
            let Ok(destination) = text.parse::<Destination>() else {
                assert_eq!(shown, "", "{text}");
                continue;
            };
            assert_eq!(destination.to_string(), shown);
            assert_eq!(shown.parse(), Ok(destination));
        }
    }

    #[test]
    fn what_is_no_destination_is_told_what_one_looks_like() {
        for (text, why) in [
            ("logs.example.com", "relative URL"),
            ("udp://logs.example.com", "udp is no way"),
            ("syslog://logs.example.com/path", "has no path"),
            ("syslog://", "names no host"),
            ("https://user:canary@logs.example.com", "no place for them"),
            ("file:///all.log", "no file in a folder"),
            ("file:///var/log/", "no file in a folder"),
        ] {
            let told = text.parse::<Destination>().unwrap_err();
            assert!(
                told.contains(why) && told.contains("syslog://HOST:514") && !told.contains("canary"),
                "{told}"
            );
        }
    }
}
