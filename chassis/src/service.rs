//! A service as a whole: what it is made of, and its command line.

mod describe;

use std::{env, ffi::OsString, process::ExitCode};

use clap::{ArgMatches, error::Error as UsageError};
use tracing::Level;

use crate::{
    Example, Identity, OneOff, Process,
    check::{self, Finding},
    config::{Description, Reader},
    log,
    one_off::until_signal,
    start::{complain, run},
};

const CHECK: &str = "check";
const CHECK_HELP: &str =
    "Look at the environment and at all that the service depends on, and tell what is wrong and what to do";

const DESCRIBE: &str = "describe";
const DESCRIBE_HELP: &str = "Print the processes and environment variables of this service as JSON";

/// A service: its process types, and its one-off processes. Each is a subcommand of its program.
///
/// ```
/// use axum::{Router, routing::get};
/// use chassis::{
///     Identity, Process, Service,
///     config::{Need, Reader, Variable, Word},
/// };
///
/// const NAME: Variable<Word> = Variable::new("NAME", Word, Need::Default("world"), "whom to greet");
///
/// fn service() -> Service {
///     let identity = Identity::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
///     Service::new(identity, "Greets").process(Process::web(
///         "web",
///         "greets over HTTP",
///         |from: &mut Reader| from.read(&NAME),
///         |_, name| Ok(Router::new().route("/", get(async move || format!("Hello, {name}!")))),
///     ))
/// }
///
/// // In `main`: `service().run()`.
/// # let _ = service();
/// ```
#[must_use]
pub struct Service {
    identity: Identity,
    about: &'static str,
    processes: Vec<Process>,
    migration: Option<OneOff>,
    checks: Vec<check::Look>,
    one_offs: Vec<OneOff>,
    example: Option<Example>,
}

impl Service {
    /// A service without any process yet.
    pub fn new(identity: Identity, about: &'static str) -> Self {
        let (processes, checks, one_offs) = (Vec::new(), Vec::new(), Vec::new());
        Self { identity, about, processes, migration: None, checks, one_offs, example: None }
    }

    /// Adds a process type.
    pub fn process(mut self, process: Process) -> Self {
        self.processes.push(process);
        self
    }

    /// Adds the one-off process that brings the database to the schema that this binary needs. A deploy of a release
    /// runs it before anything else.
    pub fn migration(mut self, process: OneOff) -> Self {
        self.migration = Some(process);
        self
    }

    /// Adds to what `check` looks at, beside the environment.
    pub fn check<F: Future<Output = Vec<Finding>> + 'static>(
        mut self,
        look: impl FnOnce(Identity) -> F + 'static,
    ) -> Self {
        self.checks.push(Box::new(move |identity| Box::pin(look(identity))));
        self
    }

    /// Adds a one-off process.
    pub fn one_off(mut self, process: OneOff) -> Self {
        self.one_offs.push(process);
        self
    }

    /// Says how something is written and read again, which `describe` passes on.
    pub fn example(mut self, example: Example) -> Self {
        self.example = Some(example);
        self
    }

    /// Adds several of them.
    pub fn one_offs(self, processes: impl IntoIterator<Item = OneOff>) -> Self {
        processes.into_iter().fold(self, Self::one_off)
    }

    /// Does what this process's command line asks for.
    pub fn run(self) -> ExitCode {
        self.run_with(env::args_os())
    }

    /// Does what a command line asks for, of which the first word is the program's name.
    pub fn run_with(self, arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
        let matches = self.command().get_matches_from(arguments);
        let done = matches.subcommand().map(|(name, arguments)| self.dispatch(name, arguments));
        match done {
            Some(Ok(code)) => code,
            Some(Err(error)) => error.exit(),
            // Was refused by the command line.
            None => ExitCode::from(2),
        }
    }

    fn command(&self) -> clap::Command {
        let Self { identity, about, .. } = self;
        let name = identity.name();
        let command = clap::Command::new(name)
            .version(identity.version())
            .about(*about)
            .long_about(format!(
                "{about}.\n\nConfigured by environment variables alone; `{name} {DESCRIBE}` lists them."
            ))
            .after_help("Exit codes: 0 done, 1 failure, 2 bad usage or configuration.")
            .subcommand_required(true)
            .arg_required_else_help(true);
        let own = [(CHECK, CHECK_HELP), (DESCRIBE, DESCRIBE_HELP)]
            .map(|(name, help)| clap::Command::new(name).about(help));
        let [check, describe] = own;
        command
            .subcommands(self.processes.iter().map(Process::command))
            .subcommands(self.migration.iter().map(OneOff::command))
            .subcommand(check)
            .subcommands(self.one_offs.iter().map(OneOff::command))
            .subcommand(describe)
    }

    fn dispatch(self, name: &str, arguments: &ArgMatches) -> Result<ExitCode, UsageError> {
        let identity = self.identity;
        match name {
            DESCRIBE => {
                let printed = describe::print(&self);
                return Ok(printed.map_or_else(|error| complain(&error, 1), |()| ExitCode::SUCCESS));
            }
            CHECK => {
                // What it tells is its result, and configuration one of the things that it looks at.
                log::init(identity, Level::INFO);
                let environment = check::environment(&self.processes, self.variables().len());
                return Ok(run(until_signal(check::run(identity, environment, self.checks))));
            }
            _ => {}
        }
        if let Some(process) = self.processes.into_iter().find(|process| process.name == name) {
            return Ok(process.run(arguments, identity));
        }
        let mut one_offs = self.migration.into_iter().chain(self.one_offs);
        match one_offs.find(|process| process.name() == name) {
            Some(process) => process.run(arguments, identity),
            None => Ok(ExitCode::from(2)),
        }
    }

    /// Every variable that some process reads.
    fn variables(&self) -> Vec<Description> {
        Reader::describe(|from| {
            for process in &self.processes {
                let _ = (process.read)(from);
            }
            for process in self.migration.iter().chain(&self.one_offs) {
                (process.read)(from);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Need, Variable, Word};

    const A: Variable<Word> = Variable::new("A", Word, Need::Optional, "a word");

    fn service() -> Service {
        Service::new(Identity::new("pets", "1.2.3"), "Keeps pets")
            .process(Process::web(
                "web",
                "serves",
                |from| from.read_optional(&A),
                |_, _| Ok(axum::Router::new()),
            ))
            .process(Process::worker("walker", "walks", |from| from.read_optional(&A), |_, _| Ok(())))
            .one_off(OneOff::new("feed", "Feed all", |from| from.read(&A), async |_, (), _| Ok(())))
    }

    #[test]
    fn the_command_line_has_what_the_service_is_made_of() {
        let command = service().command();
        command.clone().debug_assert();
        let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, ["web", "walker", "check", "feed", "describe"]);
        let alive = |arguments: &[&str]| {
            let matches = command.clone().try_get_matches_from(arguments).ok()?;
            matches.subcommand()?.1.get_one::<u32>("alive").copied()
        };
        assert_eq!(alive(&["pets", "walker", "--alive"]), Some(1));
        assert_eq!(alive(&["pets", "walker", "--alive", "7"]), Some(7));
        assert!(command.clone().try_get_matches_from(["pets", "web", "--alive"]).is_err());
        assert!(command.try_get_matches_from(["pets"]).is_err());
    }

    #[test]
    fn each_variable_is_listed_once_however_many_processes_read_it() {
        let text = serde_json::to_string(&service().variables()).unwrap();
        for name in ["A", "PORT", "LOG_LEVEL", "SHUTDOWN_TIMEOUT", "RELEASE_ID"] {
            assert_eq!(text.matches(&format!("\"name\":\"{name}\"")).count(), 1, "{name}: {text}");
        }
    }
}
