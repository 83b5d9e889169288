//! `cargo xtask`: the command line. It parses, calls one stage, prints once, and sets the exit code.

mod cli;
mod engine;
mod ui;
mod verb;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Verb};
use ui::Ui;
use xtask_contract::{Context, Repo, Result};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(cli.json);
    match dispatch(&cli, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.error(&error);
            ExitCode::from(error.exit as u8)
        }
    }
}

fn dispatch(cli: &Cli, ui: &Ui) -> Result<()> {
    let here = std::env::current_dir().doing(|| "looking for the project")?;
    let repo = Repo::around(&here)?;
    match &cli.verb {
        Verb::Build(args) => verb::build::build(&repo, args, ui),
        Verb::Release(args) => verb::release::release(&repo, args, ui),
        Verb::Run(args) => verb::run::run(&repo, args, ui),
        Verb::Rollback(args) => verb::rollback::rollback(&repo, args, ui),
        Verb::Releases(args) => verb::releases::releases(&repo, args, ui),
        Verb::Up(args) => verb::up::up(&repo, args, ui),
        Verb::Down(args) => verb::down::down(&repo, args, ui),
        Verb::Test(args) => verb::test::test(&repo, args, ui),
        Verb::Bench(args) => verb::bench::bench(&repo, args, ui),
    }
}
