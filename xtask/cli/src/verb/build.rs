//! `cargo xtask build`.

mod verify;

use serde::Serialize;
use xtask_build::{Built, Elapsed};
use xtask_contract::{Digest, Layout, Progress, Repo, Result, release::image_name};

use crate::{cli, docker, ui::Ui};

#[derive(Serialize)]
struct Document<'a> {
    digest: Digest,
    config_digest: Digest,
    size: u64,
    revision: &'a str,
    dirty: bool,
    reused: bool,
    record: String,
    /// The document that lists what is in the image.
    sbom: Digest,
    /// The document that says how it was made.
    provenance: Digest,
    /// Whether the Docker Engine of this machine has the image.
    engine: bool,
    elapsed_ms: Elapsed,
}

pub(crate) fn build(repo: &Repo, args: &cli::Build, ui: &Ui) -> Result<()> {
    if let Some(image) = &args.verify {
        return verify::verify(repo, image.as_ref(), ui);
    }
    let built = make(repo, args.allow_dirty, ui)?;
    let engine = load(repo, &built, ui)?;
    let record = &built.record;
    let path = record.path(repo);
    let document = Document {
        digest: record.digest,
        config_digest: record.config_digest,
        size: record.size,
        revision: &record.revision,
        dirty: record.dirty,
        reused: built.reused,
        record: repo.relative(&path).display().to_string(),
        sbom: record.sbom,
        provenance: record.provenance,
        engine,
        elapsed_ms: built.elapsed,
    };
    ui.result(words(&built), &document);
    Ok(())
}

/// Stage 1, without the engine.
pub(super) fn make(repo: &Repo, allow_dirty: bool, ui: &Ui) -> Result<Built> {
    ui.step("looking for what has changed");
    xtask_build::build(repo, allow_dirty, ui)
}

pub(super) fn words(built: &Built) -> String {
    let record = &built.record;
    let what = if built.reused { "unchanged:" } else { "built" };
    let dirty = if record.dirty { " with uncommitted changes" } else { "" };
    let kib = record.size / 1024;
    format!(
        "{what} {} ({}.{} MiB) from {}{dirty}",
        record.digest,
        kib / 1024,
        kib % 1024 * 10 / 1024,
        &record.revision[..10.min(record.revision.len())],
    )
}

/// Hands the image to the Docker Engine, if one answers and has not got it. It is a convenience: nothing here
/// needs it, so its failure is only told.
fn load(repo: &Repo, built: &Built, ui: &Ui) -> Result<bool> {
    let record = &built.record;
    super::runtime()?.block_on(async {
        if docker::has_image(&record.config_digest).await {
            return Ok(true);
        }
        if !docker::answers().await {
            ui.note("no Docker Engine answers, so the image was not loaded into one (nothing here needs it)");
            return Ok(false);
        }
        ui.step("loading the image into the Docker Engine");
        let layout = Layout::at(repo.images());
        let name = image_name(&layout.service_name(&record.digest)?);
        let archive = layout.archive(&record.digest, &format!("{name}:latest"))?;
        match docker::load(&archive).await {
            Ok(()) => Ok(true),
            Err(error) => {
                ui.note(&format!("the image was not loaded into the Docker Engine: {error}"));
                Ok(false)
            }
        }
    })
}
