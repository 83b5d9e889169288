//! `cargo xtask bench`.

use xtask_contract::{Repo, Result};

use crate::{cli, ui::Ui};

pub(crate) fn bench(_repo: &Repo, _args: &cli::Bench, _ui: &Ui) -> Result<()> {
    Ok(())
}
