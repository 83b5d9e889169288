//! `cargo xtask build --verify`: whether an image is what its source says.

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use xtask_build::{Claim, Elapsed};
use xtask_contract::{BuildRecord, Context, Digest, Ledger, Repo, Result};

use crate::{ui::Ui, verb::runtime};

#[derive(Serialize)]
struct Document<'a> {
    digest: Digest,
    revision: &'a str,
    /// Always true: an image that comes out otherwise is an error.
    verified: bool,
    elapsed_ms: Elapsed,
}

pub(super) fn verify(repo: &Repo, image: Option<&Digest>, ui: &Ui) -> Result<()> {
    let claim = claim(repo, image)?;
    // Ctrl-C ends the compiler, too. This program goes on for as long as it takes to clear the clone away.
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let _interrupt = signal(SignalKind::interrupt()).doing(|| "listening for signals")?;
    let elapsed_ms = xtask_build::verify(repo, &claim, ui)?;
    let Claim { image: digest, revision, .. } = claim;
    let words = format!("verified {digest}: a clean clone of {revision} gives the same image");
    ui.result(&words, &Document { digest, revision: &revision, verified: true, elapsed_ms });
    Ok(())
}

/// What this machine's record says of the image or, if it has none, the ledger.
fn claim(repo: &Repo, image: Option<&Digest>) -> Result<Claim> {
    let Some(image) = image else { return BuildRecord::newest(repo).map(Claim::from) };
    BuildRecord::of(repo, image).map(Claim::from).or_else(|error| {
        released(repo, image).ok_or_else(|| {
            error.next(
                "check the digest: no release of any deploy has this image, either \
                 (`cargo xtask releases --env ENV` lists them)",
            )
        })
    })
}

/// What a release says of the image, if there is one that has it and is as it was made.
fn released(repo: &Repo, image: &Digest) -> Option<Claim> {
    repo.deploys().iter().find_map(|env| {
        let ledger = Ledger::of(repo, env);
        let releases = ledger.ids().ok()?.into_iter().rev().filter_map(|id| ledger.load(id).ok());
        let found = releases.map(|verified| verified.release.image).find(|found| found.digest == *image)?;
        Some(Claim { image: *image, revision: found.revision, dirty: found.dirty, made: None })
    })
}
