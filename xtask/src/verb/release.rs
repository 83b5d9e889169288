//! `cargo xtask release`.

use serde::Serialize;
use xtask_contract::{Digest, EnvName, Ledger, Progress, ReleaseId, Repo, Result, ledger::Verified};

use crate::{cli, ui::Ui};

#[derive(Serialize)]
struct Document<'a> {
    id: ReleaseId,
    env: &'a EnvName,
    digest: Digest,
    image: Digest,
    path: String,
}

pub(crate) fn release(repo: &Repo, args: &cli::Release, ui: &Ui) -> Result<()> {
    ui.step("making the release");
    let made = xtask_release::release(repo, &args.env, args.build.as_ref())?;
    show(repo, &made, ui);
    Ok(())
}

/// Shows a release that was made.
pub(super) fn show(repo: &Repo, made: &Verified, ui: &Ui) {
    let folder = Ledger::of(repo, &made.release.env).folder_of(made.release.id);
    let document = Document {
        id: made.release.id,
        env: &made.release.env,
        digest: made.digest,
        image: made.release.image.digest,
        path: repo.relative(&folder).display().to_string(),
    };
    ui.result(&words(made), &document);
}

pub(super) fn words(made: &Verified) -> String {
    let release = &made.release;
    format!("released {} of {} with the image {}", release.id, release.env, release.image.digest)
}
