//! The command line of the toolchain. It parses, calls one stage, prints once, and sets the exit code.

mod backends;
mod cli;
mod clusters;
mod docker;
mod handover;
mod ui;
mod verb;

use std::{ffi::OsString, io, path::Path, process::ExitCode};

use clap::Parser;

use backends::Known;
use cli::{Cli, Verb};
use ui::Ui;
use xtask_contract::{Context, Error, Repo, Result};

pub use clusters::Clusters;

/// Runs the command line of this process, and gives back its exit code.
///
/// `package` is the folder of the project's `xtask` package, as `env!("CARGO_MANIFEST_DIR")` says it. `clusters` is what it
/// takes to deal with clusters; a process without it becomes the package's other program, `xtask-cluster`, which has it, when
/// a deploy on a cluster is touched.
pub fn run(package: &str, clusters: Option<&dyn Clusters>) -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return not_a_command(&cli::with_hint(error, &words), &words),
    };
    let ui = Ui::new(cli.form());
    let backends = Known::new(Path::new(package), clusters, &ui);
    match dispatch(&cli, &backends, &ui).and_then(|end| ui.end().map(|()| end)) {
        Ok(end) => ExitCode::from(end.code()),
        Err(error) => {
            ui.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// Shows the help or the version that was asked for, or what is wrong with the command line.
fn not_a_command(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let printed = error.print();
    let ui = Ui::new(cli::form_of(words));
    let error = match printed {
        _ if error.use_stderr() => {
            let error = cli::usage_error(error);
            ui.document_of(&error);
            error
        }
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            let error = Error::failed("writing the result to standard output", why);
            ui.error(&error);
            error
        }
        Ok(()) | Err(_) => return ExitCode::SUCCESS,
    };
    ExitCode::from(error.kind.exit_code())
}

/// How a command ends that has done what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// The deploy is not as its release says.
    Drifted,
    /// Running the release would change something.
    WouldChange,
    /// An experiment has found that a factor is broken.
    Broken,
    /// As the process did that was asked for.
    Code(u8),
}

impl End {
    /// This process's exit code.
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Drifted | Self::Broken => 3,
            Self::WouldChange => 5,
            Self::Code(code) => code,
        }
    }
}

fn dispatch(cli: &Cli, backends: &Known<'_>, ui: &Ui) -> Result<End> {
    let here = std::env::current_dir().doing(|| "looking for the project")?;
    let repo = || Repo::around(&here);
    match &cli.verb {
        Verb::Build(args) => verb::build::build(&repo()?, args, ui),
        Verb::Push(args) => verb::push::push(&repo()?, args, backends, ui),
        Verb::Release(args) => verb::release::release(&repo()?, args, backends, ui),
        Verb::Run(args) => return verb::run::run(&repo()?, args, backends, ui),
        Verb::Status(args) => return verb::status::status(&repo()?, args, backends, ui),
        Verb::Admin(args) => return verb::admin::admin(&repo()?, args, backends, ui),
        Verb::Scale(args) => verb::scale::scale(&repo()?, args, backends, ui),
        Verb::Logs(args) => verb::logs::logs(&repo()?, args, backends, ui),
        Verb::Rollback(args) => verb::rollback::rollback(&repo()?, args, backends, ui),
        Verb::Promote(args) => verb::promote::promote(&repo()?, args, backends, ui),
        Verb::Releases(args) => verb::releases::releases(&here, args, backends, ui),
        Verb::Config(args) => verb::config::config(&repo()?, args, ui),
        Verb::Up(args) => verb::up::up(&repo()?, args, backends, ui),
        Verb::Dev(args) => verb::dev::dev(&repo()?, args, backends, ui),
        Verb::Prove(args) => return verb::prove::prove(&repo()?, args, backends, ui),
        Verb::Down(args) => verb::down::down(&repo()?, args, backends, ui),
        Verb::Services(args) => verb::services::services(&repo()?, args, backends, ui),
        Verb::Init(args) => return verb::init::init(&here, args, ui),
        Verb::Doctor(args) => verb::doctor::doctor(&repo()?, args, ui),
        Verb::Setup(args) => verb::setup::setup(&repo()?, args, ui),
        #[cfg(feature = "checks")]
        Verb::Test(args) => verb::test::test(&repo()?, args, ui),
        #[cfg(feature = "checks")]
        Verb::Bench(args) => verb::bench::bench(&repo()?, args, backends, ui),
        Verb::Completions(args) => {
            verb::completions::completions(args, ui);
            Ok(())
        }
        Verb::Complete(args) => verb::complete::complete(&here, args, ui),
        Verb::Manual(args) => verb::manual::manual(&repo()?, args, ui),
    }
    .map(|()| End::Done)
}
