//! `cargo xtask run`.

use xtask_contract::{EnvName, ReleaseId, Repo, Result};
use xtask_run::{Ran, Status};

use crate::{cli, engine::Engine, ui::Ui};

pub(crate) fn run(repo: &Repo, args: &cli::Run, ui: &Ui) -> Result<()> {
    start(repo, &args.env, args.id, ui)
}

/// Stage 3. For a deploy of this machine it returns when the deploy was told to stop.
pub(super) fn start(repo: &Repo, env: &EnvName, id: Option<ReleaseId>, ui: &Ui) -> Result<()> {
    let announce = |ran: &Ran| ui.result(&words(ran), ran);
    let result = super::runtime()?.block_on(xtask_run::run(repo, env, id, &Engine, ui, &announce));
    ui.finish_step();
    result
}

fn words(ran: &Ran) -> String {
    let since = match (ran.status, ran.replaced) {
        (Status::Unchanged, _) => ", as before".to_owned(),
        (Status::Started, Some(before)) => format!(", after {before}"),
        (Status::Started, None) => String::new(),
    };
    format!("{} — {} runs release {}{since}", ran.url, ran.env, ran.release)
}
