//! Brings a deploy back to where it stood when a release fails, and records the failure.

use std::time::{Duration, Instant};

use xtask_contract::{Error, ErrorKind, ReleaseId, Result, labels::Part};

use crate::{
    apply::Applier,
    host::Host,
    notes,
    objects::Objects,
    prune::{self, Keep},
    rollout::Rollout,
    secrets,
    was_on::WasOn,
    watch,
};
use xtask_run::{FailureRecord, Outcome};

/// How long a deploy may take to come back to where it stood.
const RETURN: Duration = Duration::from_mins(3);
/// How long the pods of a failed release may take to end; more than their grace period.
const GRACE: Duration = Duration::from_secs(90);

/// Nothing of the processes was changed yet, so there is nothing to bring back.
pub(crate) async fn before_the_change<H: Host>(
    run: &Rollout<'_, H>,
    error: Error,
    before: Option<WasOn<'_>>,
) -> Error {
    write_failure_record(run, &error, before.and_then(WasOn::release)).await;
    match before {
        Some(before) => stands_on(error, format!("the deploy is still on {}", before.mark())),
        None => error,
    }
}

/// Brings back the release that ran before; without one, removes what was begun.
pub(crate) async fn after_the_change<H: Host>(
    run: &Rollout<'_, H>,
    error: Error,
    before: Option<WasOn<'_>>,
) -> Error {
    let wanted = &run.mark;
    if run.job.options.keep_failed {
        write_failure_record(run, &error, None).await;
        let kept = format!("{wanted} is left as it is, as --keep-failed asks");
        return with_why(error, kept);
    }
    let Some(before) = before.filter(|before| before.mark() != *wanted) else {
        return without_a_release_before(run, error, before.is_some()).await;
    };
    let mark = before.mark();
    run.job.progress.note(&format!("{wanted} failed; going back to {mark}"));
    match go_back(run, before).await {
        Ok(()) => {
            write_failure_record(run, &error, before.release()).await;
            stands_on(error, format!("the deploy is back on {mark}"))
        }
        Err(back) => {
            write_failure_record(run, &error, None).await;
            with_why(error, format!("going back to {mark} failed, too: {back}"))
        }
    }
}

/// The first release of a deploy is removed. One that ran before and fails now is left: there is nothing better.
async fn without_a_release_before<H: Host>(run: &Rollout<'_, H>, error: Error, ran_before: bool) -> Error {
    write_failure_record(run, &error, None).await;
    if ran_before {
        return with_why(error, "it is the release that ran before, too, and is left as it is".into());
    }
    let removed =
        prune::prune(&run.site, &Keep::nothing(), &[Part::Process, Part::Migration, Part::Config]).await;
    let left = match removed {
        Ok(_) => {
            watch::pods_gone(&run.site, &run.mark, GRACE).await;
            "it was the first one here: no process of it is left, only its backing services".to_owned()
        }
        Err(remove) => format!("it was the first one here, and removing it failed, too: {remove}"),
    };
    with_why(error, left)
}

async fn go_back<H: Host>(run: &Rollout<'_, H>, before: WasOn<'_>) -> Result<()> {
    let (mark, (verified, values)) = (before.mark(), before.open(run.job)?);
    let mut objects = Objects::of(&verified, run.site.further)?;
    run.kinds.leave_out(&mut objects);
    secrets::of_release(&run.site, &verified.release, &values).await?;
    let applier = Applier { before: Some(run.objects), release: Some(&verified.release), ..run.applier() };
    applier.apply_all(&objects.config).await?;
    applier.apply_all(&objects.processes).await?;
    let (names, deadline) = (objects.deployments(), Instant::now() + RETURN);
    let doing = format!("going back to {mark}");
    watch::rollout(&run.site, &names, &mark, deadline, run.job.progress)
        .await
        .map_err(|failure| failure.error(doing.as_str()))?;
    let keep = Keep::of(&verified.release, &objects, None, run.job.ledger, run.job.keep);
    prune::prune(&run.site, &keep, &[Part::Config, Part::Process]).await?;
    if !watch::pods_gone(&run.site, &run.mark, GRACE).await {
        run.job.progress.note(&format!("pods of {} are still ending", run.mark));
    }
    Ok(())
}

/// A failure record that cannot be written is no reason to fail for: the failure itself is shown anyhow. Of quick builds
/// there is none: the deploy remembers nothing of them.
async fn write_failure_record<H: Host>(run: &Rollout<'_, H>, error: &Error, back_on: Option<ReleaseId>) {
    if run.job.verified.is_quick() {
        return;
    }
    let id = run.job.verified.release.id;
    let failure_record = FailureRecord::of(id, error, back_on);
    let noted = async {
        notes::add_to_record(&run.site, id, Outcome::Failed).await?;
        notes::add_failure_record(&run.site, failure_record).await
    };
    if let Err(error) = noted.await {
        run.job.progress.note(&format!("the failure cannot be recorded: {error}"));
    }
}

fn stands_on(error: Error, where_it_stands: String) -> Error {
    Error { kind: ErrorKind::FellBack, ..with_why(error, where_it_stands) }
}

fn with_why(mut error: Error, line: String) -> Error {
    error.why.push(line);
    error
}
