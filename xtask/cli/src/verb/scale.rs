//! `cargo xtask scale`: how many processes a deploy has of each type.

use std::collections::BTreeMap;

use xtask_contract::{EnvName, Error, Ledger, Progress, Repo, Result};
use xtask_run::{Amount, Formation, IfBusy, ScaleRequest};

use crate::backends::Known;
use crate::{cli, ui::Ui};

pub(crate) fn scale(repo: &Repo, args: &cli::Scale, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let runtime = super::runtime()?;
    let formation = if args.requests.is_empty() {
        runtime.block_on(xtask_run::formation(repo, &args.env, backends))?
    } else {
        let if_busy = if args.no_wait { IfBusy::Refuse } else { IfBusy::Wait };
        let requests = by_process(&args.requests)?;
        if let Some(warning) = runtime.block_on(warning(repo, &args.env, &requests, backends)) {
            ui.note(&format!("warning: {warning}"));
        }
        runtime.block_on(xtask_run::scale(repo, &args.env, &requests, if_busy, backends, ui))?
    };
    ui.result(words(&formation), &formation);
    Ok(())
}

/// What should be known before there are as many processes as this, as far as it can be told.
async fn warning(
    repo: &Repo,
    env: &EnvName,
    requests: &BTreeMap<String, Amount>,
    backends: &Known<'_>,
) -> Option<String> {
    let running = xtask_run::deploy_state(repo, env, backends).await.ok()?.running?;
    let release = Ledger::of(repo, env).load(running).ok()?.release;
    let mut formation = xtask_run::formation(repo, env, backends).await.ok()?;
    let changed = xtask_run::resolve(env, requests, &formation).ok()?;
    formation.extend(changed);
    xtask_release::warning_of_scale(repo, &release, &formation)
}

/// The amount for each process type. Two requests for one type are refused: they are ambiguous.
fn by_process(requests: &[ScaleRequest]) -> Result<BTreeMap<String, Amount>> {
    let mut all = BTreeMap::new();
    for ScaleRequest { process, amount } in requests {
        if all.insert(process.clone(), *amount).is_some() {
            return Err(Error::usage("reading the process types", format!("{process} is there twice")));
        }
    }
    Ok(all)
}

fn words(formation: &Formation) -> String {
    if formation.is_empty() { "nothing runs yet".to_owned() } else { xtask_run::in_words(formation) }
}
