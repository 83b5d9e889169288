//! `cargo xtask admin`: a one-off process in the environment of a release.

use xtask_contract::{Repo, Result};

use crate::backends::Known;
use crate::{
    End, cli,
    ui::{Streams, Ui},
};

pub(crate) fn admin(repo: &Repo, args: &cli::Admin, backends: &Known<'_>, ui: &Ui) -> Result<End> {
    let mut streams = Streams::new(ui);
    let cli::Admin { env, release, command } = args;
    let ended = xtask_run::admin(repo, env, *release, command, &mut streams, backends, ui);
    super::runtime()?.block_on(ended).map(End::Code)
}
