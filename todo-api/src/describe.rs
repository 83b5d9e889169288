//! What this service is to whoever runs it: its processes and its variables.

use std::io::{self, Write};

use chassis::config::{Description, Reader};
use serde::Serialize;

use crate::{
    config::{WebConfig, WorkerConfig},
    health,
};

#[derive(Serialize)]
struct Contract {
    schema: u8,
    service: &'static str,
    processes: [Process; 2],
    migrate: [&'static str; 1],
    connections: &'static str,
    variables: Vec<Description>,
}

#[derive(Serialize)]
struct Process {
    name: &'static str,
    args: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<&'static str>,
    /// The variable with the address that it listens at.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'static str>,
    /// Whether it takes the socket for that port from whoever starts it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inherits: bool,
    /// Whether it tells that it is ready though it has no port.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tells: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    liveness: Option<&'static str>,
    /// The arguments that ask, in the process's own container, whether it is alive: for one that has no port.
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<[&'static str; 2]>,
    help: &'static str,
}

/// Every variable that some process reads.
pub(crate) fn variables() -> Vec<Description> {
    Reader::describe(|from| {
        let _ = WebConfig::read(from);
        let _ = WorkerConfig::read(from);
    })
}

/// Prints the description on standard output.
pub(crate) fn print() -> io::Result<()> {
    let contract = Contract {
        schema: 1,
        service: env!("CARGO_PKG_NAME"),
        processes: [
            Process {
                name: "web",
                args: ["web"],
                port: Some("PORT"),
                address: Some("BIND_ADDRESS"),
                inherits: true,
                tells: false,
                readiness: Some(health::READINESS),
                liveness: Some(health::LIVENESS),
                alive: None,
                help: "serves the API over HTTP",
            },
            Process {
                name: "worker",
                args: ["worker"],
                port: None,
                address: None,
                inherits: false,
                tells: true,
                readiness: None,
                liveness: None,
                alive: Some(["worker", "--alive"]),
                help: "delivers what happens to todos, and what is due, to WEBHOOK_URL",
            },
        ],
        migrate: ["migrate"],
        connections: "DATABASE_MAX_CONNECTIONS",
        variables: variables(),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &contract)?;
    writeln!(out)
}
