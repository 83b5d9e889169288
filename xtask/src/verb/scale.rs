//! `cargo xtask scale`: how many processes a deploy has of each type.

use std::collections::BTreeMap;

use xtask_contract::{Error, Repo, Result};
use xtask_run::{Amount, Formation, IfBusy, Wish};

use crate::{cli, ui::Ui};

pub(crate) fn scale(repo: &Repo, args: &cli::Scale, ui: &Ui) -> Result<()> {
    let runtime = super::runtime()?;
    let formation = if args.wishes.is_empty() {
        runtime.block_on(xtask_run::formation(repo, &args.env))?
    } else {
        let if_busy = if args.no_wait { IfBusy::Refuse } else { IfBusy::Wait };
        let wishes = by_process(&args.wishes)?;
        runtime.block_on(xtask_run::scale(repo, &args.env, &wishes, if_busy, ui))?
    };
    ui.result(&words(&formation), &formation);
    Ok(())
}

/// Two wishes for one process type could be meant in more than one way.
fn by_process(wishes: &[Wish]) -> Result<BTreeMap<String, Amount>> {
    let mut all = BTreeMap::new();
    for Wish { process, amount } in wishes {
        if all.insert(process.clone(), *amount).is_some() {
            return Err(Error::usage("reading the process types", format!("{process} is there twice")));
        }
    }
    Ok(all)
}

/// In the form that the command takes.
fn words(formation: &Formation) -> String {
    let all: Vec<String> = formation.iter().map(|(process, count)| format!("{process}={count}")).collect();
    if all.is_empty() { "nothing runs yet".to_owned() } else { all.join(" ") }
}
