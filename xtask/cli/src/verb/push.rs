//! `cargo xtask push`.

use serde::Serialize;
use xtask_contract::{BuildRecord, Digest, Layout, Progress, Repo, Repository, Result};
use xtask_run::Pushed;

use crate::{backends::Known, cli, ui::Ui};

#[derive(Serialize)]
struct Document<'a> {
    /// `REPOSITORY@DIGEST`, as it is pulled.
    reference: String,
    repository: &'a Repository,
    digest: Digest,
    #[serde(flatten)]
    pushed: Pushed,
}

pub(crate) fn push(repo: &Repo, args: &cli::Push, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let clusters = backends.clusters()?;
    let record = match &args.image {
        Some(image) => BuildRecord::of(repo, image),
        None => BuildRecord::newest(repo),
    }?;
    ui.step(&format!("pushing the image to {}", args.repository));
    let layout = Layout::at(repo.images());
    let pushed = super::runtime()?.block_on(clusters.push(
        &layout,
        &record.digest,
        (&args.repository, args.plain_http),
        ui,
    ))?;
    let reference = format!("{}@{}", args.repository, record.digest);
    let words = match pushed.sent {
        0 => format!("{reference} — was there already"),
        sent => format!("{reference} — sent {sent} blobs and manifests, {} KiB", pushed.bytes.div_ceil(1024)),
    };
    ui.result(&words, &Document { reference, repository: &args.repository, digest: record.digest, pushed });
    Ok(())
}
