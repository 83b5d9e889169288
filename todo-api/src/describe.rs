//! What this service is to whoever runs it: its processes and its variables.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    config::{Description, VARIABLES},
    health,
};

#[derive(Serialize)]
struct Contract {
    schema: u8,
    service: &'static str,
    processes: [Process; 1],
    migrate: [&'static str; 1],
    variables: Vec<Description>,
}

#[derive(Serialize)]
struct Process {
    name: &'static str,
    args: [&'static str; 1],
    port: &'static str,
    readiness: &'static str,
    liveness: &'static str,
    help: &'static str,
}

/// Prints the description on standard output.
pub(crate) fn print() -> io::Result<()> {
    let contract = Contract {
        schema: 1,
        service: env!("CARGO_PKG_NAME"),
        processes: [Process {
            name: "web",
            args: ["web"],
            port: "PORT",
            readiness: health::READINESS,
            liveness: health::LIVENESS,
            help: "serves the API over HTTP",
        }],
        migrate: ["migrate"],
        variables: VARIABLES.iter().map(|variable| variable.describe()).collect(),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &contract)?;
    writeln!(out)
}
