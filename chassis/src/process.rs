//! Process types: what runs as long as the deploy does.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, value_parser};

use crate::{
    Identity, Outcome,
    config::Reader,
    health, listener, log,
    start::{complain, configured, run},
    web::{self, Routes, Web, WebConfig},
    worker::{self, Worker, WorkerConfig},
};

/// The argument that asks whether a worker is alive.
const ALIVE: &str = "alive";

/// A process type: any number of such processes share the work, and nothing else.
pub struct Process {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) manner: Manner,
    /// Reads what such a process needs; says whether there was no mistake.
    pub(crate) read: Read,
    run: Box<dyn FnOnce(Identity) -> ExitCode>,
}

/// Says whether there was no mistake.
type Read = Box<dyn Fn(&mut Reader) -> Option<()>>;

/// How the supervisor or cluster deals with a process.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// Sends it requests.
    Web,
    /// Asks it by another process whether it works.
    Worker,
}

impl Process {
    /// A process that serves HTTP.
    ///
    /// It listens at `BIND_ADDRESS` and `PORT`, or on the socket that is handed down to it (`LISTEN_FDS`); answers probes
    /// at `/livez` and `/readyz`; tells at `NOTIFY_SOCKET` when it is ready; and on SIGTERM goes on for `DRAIN_DELAY`, then
    /// finishes what is under way. `read` reads what the service itself needs, `build` makes its routes of that.
    pub fn web<C: 'static, R: Into<Routes>>(
        name: &'static str,
        help: &'static str,
        read: fn(&mut Reader) -> Option<C>,
        build: impl FnOnce(&mut Web, C) -> Outcome<R> + 'static,
    ) -> Self {
        let read = move |from: &mut Reader| {
            let config = read(from);
            let web = WebConfig::read(from);
            Some((config?, web?))
        };
        let run = move |service| {
            configured(read, |(config, web)| {
                log::init(service, web.log_level);
                match listener::inherited() {
                    Ok(inherited) => {
                        run(web::run(service, web, inherited, |web| build(web, config).map(Into::into)))
                    }
                    Err(error) => complain(&format!("cannot use the socket in LISTEN_FDS: {error}"), 1),
                }
            })
        };
        let read = Box::new(move |from: &mut Reader| read(from).map(drop));
        Self { name, help, manner: Manner::Web, read, run: Box::new(run) }
    }

    /// A process that looks for work, round after round.
    ///
    /// `read` reads what the service needs for it, `build` adds the tasks. With `--alive` it asks another one, which may
    /// have neither port nor disk, whether it still works.
    pub fn worker<C: 'static>(
        name: &'static str,
        help: &'static str,
        read: fn(&mut Reader) -> Option<C>,
        build: impl FnOnce(&mut Worker, C) -> Outcome + 'static,
    ) -> Self {
        let read = move |from: &mut Reader| {
            let config = read(from);
            let worker = WorkerConfig::read(from);
            Some((config?, worker?))
        };
        let run = move |service| {
            configured(read, |(config, worker)| {
                log::init(service, worker.log_level);
                run(worker::run(service, worker, |worker| build(worker, config)))
            })
        };
        let read = Box::new(move |from: &mut Reader| read(from).map(drop));
        Self { name, help, manner: Manner::Worker, read, run: Box::new(run) }
    }

    pub(crate) fn command(&self) -> clap::Command {
        let mut letters = self.help.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        let about =
            format!("{first}{}, until SIGTERM or SIGINT; then finishes what is under way", letters.as_str());
        let command = clap::Command::new(self.name).about(about);
        if self.manner == Manner::Web {
            return command;
        }
        let alive = Arg::new(ALIVE)
            .long(ALIVE)
            .value_name("PROCESS")
            .num_args(0..=1)
            .default_missing_value("1")
            .value_parser(value_parser!(u32));
        command.arg(alive.help(
            "Instead, ask one in this container or on this machine whether it still works: by its process id, or 1",
        ))
    }

    pub(crate) fn run(self, arguments: &ArgMatches, service: Identity) -> ExitCode {
        let asked = if self.manner == Manner::Worker { arguments.get_one::<u32>(ALIVE) } else { None };
        match asked {
            Some(process) => worker::ask(service, *process)
                .map_or_else(|error| complain(&error, 1), |()| ExitCode::SUCCESS),
            None => (self.run)(service),
        }
    }

    /// The arguments that ask whether one without a port is alive.
    pub(crate) fn alive(&self) -> Option<[String; 2]> {
        (self.manner == Manner::Worker).then(|| [self.name.to_owned(), format!("--{ALIVE}")])
    }

    /// The paths that tell whether one with a port is ready and alive.
    pub(crate) fn probes(&self) -> Option<[&'static str; 2]> {
        (self.manner == Manner::Web).then_some([health::READINESS, health::LIVENESS])
    }
}
