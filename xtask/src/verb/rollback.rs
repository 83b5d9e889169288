//! `cargo xtask rollback`.

use xtask_contract::{Progress, Repo, Result};

use super::{release, run};
use crate::{cli, ui::Ui};

pub(crate) fn rollback(repo: &Repo, args: &cli::Rollback, ui: &Ui) -> Result<()> {
    ui.step("making the release");
    let made = xtask_release::rollback(repo, &args.env, args.id, &super::evidence(repo, &args.env)?)?;
    if args.no_run {
        release::show(repo, &made, ui);
        return Ok(());
    }
    ui.note(&release::words(&made));
    run::start(repo, &args.env, Some(made.release.id), &args.how.options(), ui)
}
