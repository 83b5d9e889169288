//! One-off processes: in the environment and the release of those that run on, and over when done (factor XII).

use std::process::ExitCode;

use clap::{ArgMatches, Args, error::Error as UsageError};
use tracing::Level;

use crate::{
    Identity, Outcome,
    config::Reader,
    lifecycle::Signals,
    log,
    start::{complain, configured, run},
    variables::LOG_LEVEL,
};

/// A one-off process. It can be run twice, and twice at once.
pub struct OneOff {
    command: clap::Command,
    pub(crate) read: Box<dyn Fn(&mut Reader)>,
    /// What stands for all of its migrations, if it has such.
    pub(crate) migrations: Option<String>,
    run: Run,
}

type Run = Box<dyn FnOnce(&ArgMatches, Identity) -> Result<ExitCode, UsageError>>;

impl OneOff {
    /// A process that does one thing and logs what came of it.
    ///
    /// `A` are its arguments, as clap derives them; `()` for none. `read` reads what it needs of the environment. Asked to
    /// stop (SIGTERM, SIGINT) it gives up what is under way.
    pub fn new<A: Args + 'static, C: 'static, F: Future<Output = Outcome>>(
        name: &'static str,
        help: &'static str,
        read: fn(&mut Reader) -> Option<C>,
        process: impl FnOnce(Identity, A, C) -> F + 'static,
    ) -> Self {
        let read_all = move |from: &mut Reader| {
            let config = read(from);
            let level = from.read(&LOG_LEVEL);
            Some((config?, level?))
        };
        let work = move |service, arguments: A| {
            configured(read_all, |(config, level)| {
                // What it tells is its result.
                log::init(service, level.max(Level::INFO));
                run(until_signal(process(service, arguments, config)))
            })
        };
        Self::made(name, help, move |from| drop(read_all(from)), work)
    }

    /// A process that talks with its caller: it has standard input and output for itself, starts a runtime of its own
    /// if it needs one, and says by its exit code how it ended.
    pub fn interactive<A: Args + 'static, C: 'static>(
        name: &'static str,
        help: &'static str,
        read: fn(&mut Reader) -> Option<C>,
        process: impl FnOnce(Identity, A, C) -> Result<ExitCode, String> + 'static,
    ) -> Self {
        let work = move |service, arguments: A| {
            configured(read, |config| {
                process(service, arguments, config).unwrap_or_else(|error| complain(&error, 1))
            })
        };
        Self::made(name, help, move |from| drop(read(from)), work)
    }

    /// One that reads nothing before it runs.
    pub(crate) fn made<A: Args + 'static>(
        name: &'static str,
        help: &'static str,
        read: impl Fn(&mut Reader) + 'static,
        run: impl FnOnce(Identity, A) -> ExitCode + 'static,
    ) -> Self {
        Self {
            command: A::augment_args(clap::Command::new(name)).about(help),
            read: Box::new(read),
            migrations: None,
            run: Box::new(move |matches, service| Ok(run(service, A::from_arg_matches(matches)?))),
        }
    }

    /// Says more of one of its arguments than can be derived.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_argument(mut self, name: &str, change: impl FnOnce(clap::Arg) -> clap::Arg) -> Self {
        self.command = self.command.mut_arg(name, change);
        self
    }

    /// Says that it brings a database to the schema that this stands for.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_migrations(mut self, migrations: String) -> Self {
        self.migrations = Some(migrations);
        self
    }

    pub(crate) fn name(&self) -> &str {
        self.command.get_name()
    }

    pub(crate) fn command(&self) -> clap::Command {
        self.command.clone()
    }

    pub(crate) fn run(self, arguments: &ArgMatches, service: Identity) -> Result<ExitCode, UsageError> {
        (self.run)(arguments, service)
    }
}

/// Gives up what is under way when asked to stop: without its connection the database undoes what is not finished.
/// Nobody else would see to it in a container, whose first process is not ended by signals that it does not catch.
pub(crate) async fn until_signal(process: impl Future<Output = Outcome>) -> Outcome {
    let mut signals = Signals::catch()?;
    tokio::select! {
        done = process => done,
        name = signals.next() => Err(format!("stopped by {name}; the database undoes what was under way").into()),
    }
}
