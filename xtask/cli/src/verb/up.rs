//! `cargo xtask up`: the three stages in a row. They still speak through files alone.

use xtask_contract::{Progress, Repo, Result};
use xtask_release::Published;

use super::{build, release, run};
use crate::{backends::Known, cli, ui::Ui};

pub(crate) fn up(repo: &Repo, args: &cli::Up, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    super::runtime()?.block_on(xtask_run::preflight(repo, &args.env, backends))?;
    let built = build::make(repo, args.allow_dirty, ui)?;
    ui.note(&build::words(&built));
    ui.step("making the release");
    let draft = release::draft(repo, &args.env, Some(&built.record.digest), backends, ui)?;
    // Another release like the newest would only stand between that and whatever a rollback is to bring back.
    let record = super::record(repo, &args.env, backends, ui)?;
    let id = match draft.publish_if_new(&record)? {
        Published::Before(newest) => {
            ui.note(&format!("nothing is new since the release {} of {}", newest.release.id, args.env));
            newest.release.id
        }
        Published::Now(made) => {
            ui.note(&release::words(&made));
            made.release.id
        }
    };
    run::start(repo, &args.env, Some(id), &args.how.options(), backends, ui)
}
