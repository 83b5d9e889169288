//! The service's description of itself: its process types and its configuration variables. The binary writes
//! it (`NAME describe`), the image carries it as a label, `release` holds a deploy's config against it.

use serde::{Deserialize, Serialize};

use crate::{Digest, ServiceName, example::Example, value::Value};

/// The variable in which `run` tells each process which release it is of. No deploy's config has it.
pub const RELEASE_ID: &str = "RELEASE_ID";

/// The variable in which `dev` tells each process of a quick build the file with what its pages are to show. No release
/// has it.
pub const DEV_NOTICE: &str = "DEV_NOTICE";

/// The name of the file that it names.
pub const NOTICE_FILE: &str = "notice";

/// The volume of a quick build's pods in this namespace that the file is in.
pub fn notice_volume(namespace: &str) -> String {
    format!("dev-{NOTICE_FILE}-{}", Digest::of(namespace).short())
}

/// What a service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The version of this document's form: 1.
    pub schema: u32,
    /// The service's name: that of its package, which the workspace's metadata name too.
    pub service: ServiceName,
    /// The process types that run as long as the deploy does.
    pub processes: Vec<ProcessType>,
    /// The arguments of the process that brings the database to the schema that this image needs.
    pub migrate: Vec<String>,
    /// The arguments of the process that asks each backing service how it is, and says so in lines of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Vec<String>>,
    /// What stands for all migrations of this image: where a database was brought to the same, nothing is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<Digest>,
    /// The variable that says how many connections to its database one process may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<String>,
    /// How something is written and read again, if the service says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Example>,
    /// The configuration variables.
    pub variables: Vec<Variable>,
}

impl Service {
    /// The variable that says at which address a process type listens: the one that it names, or else the only one that
    /// takes an address.
    pub fn address_variable<'a>(&'a self, process: &'a ProcessType) -> Option<&'a str> {
        let mut addresses = self.variables.iter().filter(|variable| variable.value == Value::Address);
        process.address.as_deref().or_else(|| match (addresses.next(), addresses.next()) {
            (Some(only), None) => Some(only.name.as_str()),
            _ => None,
        })
    }

    /// The value that the service uses if this variable is not set.
    pub fn default(&self, variable: &str) -> Option<&str> {
        self.variables.iter().find(|known| known.name == variable)?.default.as_deref()
    }
}

/// A process type, such as `web`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessType {
    /// The type's name.
    pub name: String,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The variable that says on which port it serves HTTP, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The variable that says at which of the machine's addresses it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether it also takes the socket that it listens on from its parent process (`LISTEN_FDS`), then accepts nothing
    /// before it can take requests, and tells when it can (`NOTIFY_SOCKET`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherits: bool,
    /// Whether one without a port tells when it is ready (`NOTIFY_SOCKET`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tells: bool,
    /// The path that answers 200 when the process can take requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<String>,
    /// The path that answers 200 as long as the process is alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<String>,
    /// The program's arguments that ask, in the process's own container, whether it is alive; for one without a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive: Option<Vec<String>>,
    /// One line of help.
    pub help: String,
}

/// A configuration variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// The environment variable's name.
    pub name: String,
    /// Whether the service starts only if it is set.
    pub required: bool,
    /// Whether its value must be sealed and never shown.
    pub secret: bool,
    /// The value that the service uses if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The variables that must be set if this one is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// One line of help.
    pub help: String,
    /// Which values it takes.
    #[serde(flatten)]
    pub value: Value,
}
