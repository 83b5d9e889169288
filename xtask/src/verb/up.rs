//! `cargo xtask up`: the three stages in a row. They still speak through files alone.

use xtask_contract::{Progress, Repo, Result};

use super::{build, release, run};
use crate::{cli, engine::Engine, ui::Ui};

pub(crate) fn up(repo: &Repo, args: &cli::Up, ui: &Ui) -> Result<()> {
    super::runtime()?.block_on(xtask_run::preflight(repo, &args.env, &Engine))?;
    let built = build::make(repo, args.allow_dirty, ui)?;
    ui.note(&build::words(&built));
    ui.step("making the release");
    let made = release::make(repo, &args.env, Some(&built.record.digest), ui)?;
    ui.note(&release::words(&made));
    run::start(repo, &args.env, Some(made.release.id), &args.how.options(), ui)
}
