//! `cargo xtask release`.

use serde::Serialize;
use xtask_contract::{Deploy, Digest, EnvName, Ledger, Progress, ReleaseId, Repo, Result, ledger::Verified};
use xtask_release::Draft;

use crate::backends::Known;
use crate::{
    cli,
    ui::{Text, Ui},
};

#[derive(Serialize)]
struct Document<'a> {
    id: ReleaseId,
    env: &'a EnvName,
    digest: Digest,
    image: Digest,
    path: String,
}

pub(crate) fn release(repo: &Repo, args: &cli::Release, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    ui.step("making the release");
    let record = super::record(repo, &args.env, backends, ui)?;
    let made = draft(repo, &args.env, args.image.as_ref(), backends, ui)?.publish(&record)?;
    show(repo, &made, ui);
    Ok(())
}

/// A release that could be made of a build, the newest one if none is named.
pub(super) fn draft<'a>(
    repo: &'a Repo,
    env: &EnvName,
    build: Option<&Digest>,
    backends: &Known<'_>,
    ui: &Ui,
) -> Result<Draft<'a>> {
    let deploy = Deploy::read(repo, env)?;
    let ran = super::promoted_digests(repo, &deploy.policy, backends)?;
    let draft = Draft::of_build(repo, env, deploy, build, &ran)?;
    warn(&draft, ui);
    Ok(draft)
}

/// Tells what should be known of a release that is about to be made.
pub(super) fn warn(draft: &Draft<'_>, ui: &Ui) {
    for warning in draft.warnings() {
        ui.note(&format!("warning: {warning}"));
    }
}

/// Shows a release that was made, and that nothing runs it yet.
pub(super) fn show(repo: &Repo, made: &Verified, ui: &Ui) {
    let folder = Ledger::of(repo, &made.release.env).folder_of(made.release.id);
    let document = Document {
        id: made.release.id,
        env: &made.release.env,
        digest: made.digest,
        image: made.release.image.digest,
        path: repo.relative(&folder).display().to_string(),
    };
    let next = format!("it does not run yet: `cargo xtask run --env {}` runs it", made.release.env);
    ui.result(Text::lines([words(made), next]), &document);
}

pub(super) fn words(made: &Verified) -> String {
    let release = &made.release;
    format!("released {} of {} with the image {}", release.id, release.env, release.image.digest)
}
