//! `cargo xtask promote`: the image that one deploy runs, with another deploy's config.

use xtask_contract::{
    Changes, Deploy, Error, Policy, Progress, Record, Repo, Result, Vouched, ledger::Verified,
};
use xtask_release::Draft;

use super::{promoted_digests, release, releases::diff_words, runtime};
use crate::backends::Known;
use crate::{cli, ui::Ui};

pub(crate) fn promote(repo: &Repo, args: &cli::Promote, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let cli::Promote { from, to, yes } = args;
    if from == to {
        return Err(Error::usage(format!("promoting from {from} to {to}"), "they are one deploy")
            .next(format!("`cargo xtask release --env {to}` makes a release of it")));
    }
    ui.step(&format!("asking what {from} runs"));
    let image = running(repo, args, backends)?.release.image;
    let deploy = Deploy::read(repo, to)?;
    let (policy, ran) = (deploy.policy.clone(), promoted_digests(repo, &deploy.policy, backends)?);
    let draft = Draft::of_image(repo, to, deploy, &image, &ran)?;
    let record = super::record(repo, to, backends, ui)?;
    let newest = Vouched::of(repo, to, policy, &record)?.newest()?;

    let wanted = draft.preview();
    let changes = newest.as_ref().map(|newest| Changes::between(&newest.release, &wanted));
    ui.tell(format!("{to} will get the image {} that {from} runs", image.digest));
    ui.tell(match changes {
        Some(changes) => diff_words(&changes, None),
        None => format!("this will be the first release of {to}").into(),
    });
    if !yes && !ui.ask(&format!("make this release of {to}?"))? {
        let why = "you said no; nothing was changed";
        return Err(Error::refused(format!("promoting from {from} to {to}"), why));
    }
    ui.step("making the release");
    release::warn(&draft, ui);
    release::show(repo, &draft.publish(&record)?, ui);
    Ok(())
}

/// The release that the deploy runs.
fn running(repo: &Repo, args: &cli::Promote, backends: &Known<'_>) -> Result<Verified> {
    let env = &args.from;
    let deploy_state = runtime()?.block_on(xtask_run::deploy_state(repo, env, backends))?;
    // What has run and was stopped counts, too: it is the same image.
    let id = deploy_state.last_deployed.as_ref().map(|last_deployed| last_deployed.id).ok_or_else(|| {
        Error::refused(
            format!("promoting from {env} to {}", args.to),
            format!("{env} has run no release yet"),
        )
        .next(format!("`cargo xtask up --env {env}` runs one"))
    })?;
    Vouched::of(repo, env, Policy::read(repo, env)?, &Record::Known(deploy_state.last_deployed))?.release(id)
}
