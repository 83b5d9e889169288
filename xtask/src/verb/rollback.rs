//! `cargo xtask rollback`.

use xtask_contract::{Layout, Progress, Repo, Result};

use super::{release, run};
use crate::{cli, ui::Ui};

pub(crate) fn rollback(repo: &Repo, args: &cli::Rollback, ui: &Ui) -> Result<()> {
    ui.step("making the release");
    let (record, evidence) = (super::record(repo, &args.env, ui)?, super::evidence(repo, &args.env)?);
    // What is to run at once must be able to.
    let layout = (!args.no_run).then(|| Layout::at(repo.images()));
    let made = xtask_release::rollback(repo, &args.env, args.id, &record, &evidence, layout.as_ref())?;
    if args.no_run {
        release::show(repo, &made, ui);
        return Ok(());
    }
    ui.note(&release::words(&made));
    run::start(repo, &args.env, Some(made.release.id), &args.how.options(), ui)
}
