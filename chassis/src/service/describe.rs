//! A service's description for the tools that run it: its processes and its variables.

use std::io::{self, Write};

use serde::Serialize;

use super::{CHECK, Service};
use crate::{
    Example, OneOff, Process, config::Description, process::Manner, variables::PORT, web::BIND_ADDRESS,
};

/// The variable that bounds the connections to the database, if the service has one.
const CONNECTIONS: &str = "DATABASE_MAX_CONNECTIONS";

#[derive(Serialize)]
struct Contract<'a> {
    schema: u8,
    service: &'static str,
    processes: Vec<ProcessType>,
    migrate: Vec<&'a str>,
    /// What asks the backing services how they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<[&'static str; 1]>,
    /// A digest that another list of migrations has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    migrations: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<&'static str>,
    /// How something is written and read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'a Example>,
    variables: Vec<Description>,
}

#[derive(Serialize)]
struct ProcessType {
    name: &'static str,
    args: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<&'static str>,
    /// The variable with the address that it listens at.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'static str>,
    /// Whether it takes the socket for that port from its supervisor.
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
    alive: Option<[String; 2]>,
    help: &'static str,
}

impl ProcessType {
    fn of(process: &Process) -> Self {
        let is_web = process.manner == Manner::Web;
        Self {
            name: process.name,
            args: [process.name],
            port: is_web.then_some(PORT.name()),
            address: is_web.then_some(BIND_ADDRESS.name()),
            inherits: is_web,
            tells: !is_web,
            readiness: process.probes().map(|[readiness, _]| readiness),
            liveness: process.probes().map(|[_, liveness]| liveness),
            alive: process.alive(),
            help: process.help,
        }
    }
}

/// Prints the description on standard output.
pub(super) fn print(service: &Service) -> io::Result<()> {
    let variables = service.variables();
    let contract = Contract {
        schema: 1,
        service: service.identity.name(),
        processes: service.processes.iter().map(ProcessType::of).collect(),
        migrate: service.migration.iter().map(OneOff::name).collect(),
        check: (!service.checks.is_empty()).then_some([CHECK]),
        migrations: service.migration.as_ref().and_then(|migration| migration.migrations.as_deref()),
        connections: variables.iter().map(Description::name).find(|name| *name == CONNECTIONS),
        example: service.example.as_ref(),
        variables,
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &contract)?;
    writeln!(out)
}
