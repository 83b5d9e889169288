//! `cargo xtask down`.

use xtask_contract::{Repo, Result};

use crate::{cli, engine::Engine, ui::Ui};

pub(crate) fn down(repo: &Repo, args: &cli::Down, ui: &Ui) -> Result<()> {
    let down = super::runtime()?.block_on(xtask_run::down(repo, &args.env, args.data, &Engine, ui))?;
    let stopped = if down.stopped { "stopped" } else { "nothing was running" };
    ui.result(format!("{}: {stopped}; its data are {}", down.env, down.data), &down);
    Ok(())
}
