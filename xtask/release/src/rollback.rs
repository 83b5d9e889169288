//! Rolling back makes a new release: with the image and the whole config of an earlier one, not with today's.

use xtask_contract::{
    Digest, EnvName, Error, Layout, Ledger, Policy, Release, ReleaseId, Repo, Result, ledger::Verified,
};

use crate::{SystemClock, draft::allow, ledger, render, signing, who};

/// Makes a release like an earlier one, the one before the newest if none is named. `ran` are the images that
/// have run in the deploys which this one's policy promotes from. Its image must be in the layout, if one is given.
pub fn rollback(
    repo: &Repo,
    env: &EnvName,
    to: Option<ReleaseId>,
    ran: &[Digest],
    layout: Option<&Layout>,
) -> Result<Verified> {
    let policy = Policy::read(repo, env)?;
    let ledger = Ledger::of(repo, env);
    let newest = ledger.newest()?;
    let to = match to {
        Some(id) => id,
        None => before(&ledger, newest)?,
    };
    if to == newest {
        let why = "it is the newest release already";
        return Err(Error::refused(format!("rolling {env} back to {to}"), why)
            .next(format!("`cargo xtask run --env {env}` runs it")));
    }
    // Nothing of a ledger that is not whole comes back.
    ledger.verify()?;
    let earlier = ledger.load(to)?;
    let image = &earlier.release.image;
    if let Some(objection) = policy.objection(image, ran) {
        return Err(Error::refused(format!("rolling {env} back to {to}"), objection).next(allow(env, image)));
    }
    if let Some(layout) = layout {
        layout.check_image(&image.digest)?;
    }
    let key = signing::key(env, &policy)?;
    ledger::append(&ledger, &SystemClock, key.as_ref(), |id, sequence, previous| {
        let release =
            Release { id, sequence, by: who(), previous, rollback_to: Some(to), ..earlier.release.clone() };
        let objects = earlier.objects.as_ref().map(|text| render::again(text, &release)).transpose()?;
        Ok((release, objects))
    })
}

fn before(ledger: &Ledger, newest: ReleaseId) -> Result<ReleaseId> {
    let previous = ledger.load(newest)?.release.previous;
    previous.map(|previous| previous.id).ok_or_else(|| {
        let why = format!("{newest} is its first release: there is none to go back to");
        Error::refused(format!("rolling {} back", ledger.env()), why)
    })
}
