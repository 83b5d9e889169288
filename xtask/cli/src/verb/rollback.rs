//! `cargo xtask rollback`.

use chrono::{DateTime, Utc};
use xtask_contract::{
    Changes, Error, Layout, Ledger, Policy, Progress, ReleaseId, Repo, Result, Vouched, ledger::Verified,
};
use xtask_run::DeployState;

use super::{release, releases::ago, run, runtime};
use crate::{backends::Known, cli, ui::Ui};

/// How many releases are shown to choose from.
const CHOICE: usize = 9;

pub(crate) fn rollback(repo: &Repo, args: &cli::Rollback, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let record = super::record(repo, &args.env, backends, ui)?;
    let policy = Policy::read(repo, &args.env)?;
    // Nothing is chosen from a ledger that `run` would refuse.
    Vouched::of(repo, &args.env, policy.clone(), &record)?;
    let to = match args.id {
        Some(id) => id,
        None => choose(repo, args, backends, ui)?,
    };
    let options = args.how.options();
    // What is to run at once must be able to.
    let layout = (!args.no_run).then(|| Layout::at(repo.images()));
    if !args.no_run {
        ui.step("checking");
        runtime()?.block_on(xtask_run::could_run(repo, &args.env, to, &options, backends))?;
    }
    ui.step("making the release");
    let promoted_digests = super::promoted_digests(repo, &policy, backends)?;
    let made =
        xtask_release::rollback(repo, &args.env, policy, to, &record, &promoted_digests, layout.as_ref())?;
    if args.no_run {
        release::show(repo, &made, ui);
        return Ok(());
    }
    ui.note(&release::words(&made));
    run::start(repo, &args.env, Some(made.release.id), &options, backends, ui)
}

/// The last release that ran before the one that runs, or which one of those a person says.
fn choose(repo: &Repo, args: &cli::Rollback, backends: &Known<'_>, ui: &Ui) -> Result<ReleaseId> {
    let env = &args.env;
    ui.step(&format!("asking what {env} has run"));
    let DeployState { last_deployed, running, history } =
        runtime()?.block_on(xtask_run::deploy_state(repo, env, backends))?;
    let doing = || format!("rolling {env} back");
    let ledger = Ledger::of(repo, env);
    // Where nothing runs it is the newest release that did not stay: it may be one that has failed.
    let newest = ledger.ids()?.last().copied();
    let now = running.or(newest).filter(|_| last_deployed.is_some()).ok_or_else(|| {
        let verb = if newest.is_some() { "run" } else { "up" };
        Error::refused(doing(), "none of its releases has run here")
            .next(format!("`cargo xtask {verb} --env {env}` runs the newest one"))
    })?;
    let mut earlier = history.before(now, &ledger)?;
    earlier.truncate(CHOICE);
    let Some((last, ran)) = earlier.first() else {
        let why = format!("no other release is known to have run before {now}");
        return Err(Error::refused(doing(), why).next(format!(
            "`cargo xtask releases --env {env}` lists all; `cargo xtask rollback ID --env {env}` goes back to that one"
        )));
    };
    if args.yes || !Ui::can_ask() {
        ui.note(&format!("going back to {}, which ran {} ago", last.release.id, ago(*ran)));
        return Ok(last.release.id);
    }
    let now = ledger.load(now)?;
    ui.note(&format!("{env} runs {}, and can go back to:", now.release.id));
    for (number, (verified, ran)) in (1..).zip(&earlier) {
        ui.note(&line(number, verified, *ran, &now));
    }
    match ui.pick("go back to which one?", earlier.len())? {
        Some(place) => Ok(earlier[place].0.release.id),
        None => Err(Error::refused(doing(), "you chose none; nothing was changed")),
    }
}

/// `1  ID  ran 2 days ago  what is other than now`
fn line(number: usize, verified: &Verified, ran: DateTime<Utc>, now: &Verified) -> String {
    let mut changes = Changes::between(&now.release, &verified.release).words();
    changes.retain(|change| !change.starts_with("rollback to"));
    let changes = if changes.is_empty() { "its objects".to_owned() } else { changes.join("; ") };
    format!("  {number}  {}  ran {} ago  {changes}", verified.release.id, ago(ran))
}
