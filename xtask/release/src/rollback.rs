//! Rolling back makes a new release: with the image and the whole config of an earlier one, not with today's.

use xtask_contract::{
    Digest, EnvName, Error, Layout, Policy, Record, Release, ReleaseId, Repo, Result, Vouched,
    ledger::Verified,
};

use crate::{SystemClock, draft::allow, ledger, render, signing, who};

/// Makes a release like an earlier one. `record` is what the deploy has run, `ran` are the images that have run in the
/// deploys which this one's policy promotes from. The image must be in the layout, if one is given.
pub fn rollback(
    repo: &Repo,
    env: &EnvName,
    policy: Policy,
    to: ReleaseId,
    record: &Record,
    ran: &[Digest],
    layout: Option<&Layout>,
) -> Result<Verified> {
    let vouched = Vouched::of(repo, env, policy, record)?;
    let newest = vouched.ledger().newest()?;
    if to == newest {
        let why = "it is the newest release already";
        return Err(Error::refused(format!("rolling {env} back to {to}"), why)
            .next(format!("`cargo xtask run --env {env}` runs it")));
    }
    let earlier = vouched.release(to)?;
    let image = &earlier.release.image;
    if let Some(objection) = vouched.policy().objection(image, ran) {
        return Err(Error::refused(format!("rolling {env} back to {to}"), objection).next(allow(env, image)));
    }
    if let Some(layout) = layout {
        layout.check_image(&image.digest)?;
    }
    let key = signing::key(env, vouched.policy())?;
    ledger::append(
        &ledger::lock(repo, env)?,
        (repo, env, vouched.policy()),
        record,
        &SystemClock,
        key.as_ref(),
        |id, sequence, previous| {
            let release = Release {
                id,
                sequence,
                by: who(),
                previous,
                rollback_to: Some(to),
                ..earlier.release.clone()
            };
            let objects = earlier
                .objects
                .as_ref()
                .map(|text| render::again(text, &release, &vouched.policy().kinds))
                .transpose()?;
            Ok((release, objects))
        },
    )
}
