//! `cargo xtask releases`: reading the ledger.

mod diff;
mod export;
mod list;
mod set_aside;
mod show;
mod verify;

pub(super) use diff::words as diff_words;
pub(super) use list::ago;

use std::path::Path;

use xtask_contract::{EnvName, Repo, Result};

use crate::backends::Known;
use crate::{
    cli::releases::{Releases, Verify, What},
    ui::Ui,
};

pub(crate) fn releases(here: &Path, args: &Releases, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    if let Some(What::Verify(Verify { offline: Some(bundle), signer })) = &args.what {
        return verify::offline(bundle, signer, ui);
    }
    let repo = Repo::around(here)?;
    let env = args.env.clone().unwrap_or_else(EnvName::local);
    match &args.what {
        None => list::list(&repo, &env, args.number, backends, ui),
        Some(What::Show { id }) => show::show(&repo, &env, *id, ui),
        Some(What::Diff(diff)) => diff::diff(&repo, &env, diff, ui),
        Some(What::Verify(_)) => verify::verify(&repo, args.env.as_ref(), backends, ui),
        Some(What::SetAside { id }) => set_aside::set_aside(&repo, &env, *id, backends, ui),
        Some(What::Export { id, output }) => export::export(&repo, &env, *id, output.as_deref(), ui),
    }
}
