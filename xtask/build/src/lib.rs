//! Stage 1, build: from source to a container image, known by its digest.
//!
//! Architecture invariants: the image is a function of its inputs (see [`inputs`]), the toolchain and this
//! crate, of nothing else; nothing here knows any deploy.

mod authorities;
mod cargo_home;
mod clone;
mod compile;
mod crates;
mod dep_info;
mod difference;
mod documents;
mod image;
mod inputs;
mod lock;
mod lto;
mod origin;
mod program;
mod provenance;
pub mod quick;
mod recipe;
mod root_files;
mod sbom;
mod source;
mod sources;
#[cfg(test)]
mod test_repository;
mod toolchain;
mod verify;
mod work_tree;

use std::{path::PathBuf, thread, time::Instant};

use chrono::Utc;
use serde::Serialize;
use xtask_contract::{
    BuildRecord, Digest, Layout, Progress, Repo, Result,
    deploy::Schema,
    referrers::{PROVENANCE, SBOM},
};

use compile::Cargo;
pub use dep_info::sources_of;
use documents::Work;
pub use image::{Image, Origin, assemble};
use inputs::Inputs;
use source::{Compile, Source};
use sources::Sources;
use toolchain::{Chooser, Toolchain};
pub use verify::{Claim, Made, verify};
use work_tree::WorkTree;

/// What a build ended with.
#[derive(Debug)]
pub struct Built {
    /// The image's record.
    pub record: BuildRecord,
    /// Whether an earlier build from the same inputs was found, so that nothing was done.
    pub reused: bool,
    /// Where the time went.
    pub elapsed: Elapsed,
}

/// Milliseconds by part of the work.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Elapsed {
    /// Finding out whether there is anything to do.
    pub inputs: u64,
    /// The compiler.
    pub compile: u64,
    /// Making the image of what it compiled.
    pub image: u64,
    /// Writing down what is in it and how it was made.
    pub documents: u64,
}

/// Builds the image of the checkout's service, unless that was done before.
pub fn build(repo: &Repo, allow_dirty: bool, progress: &dyn Progress) -> Result<Built> {
    let (started, started_at) = (Instant::now(), Utc::now());
    let (toolchain, last) = thread::scope(|scope| {
        let toolchain = scope.spawn(|| Toolchain::of_this_machine(repo, Chooser::Caller));
        let last = inputs_of_last_build(repo);
        (toolchain.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), last)
    });
    let (toolchain, last) = (toolchain?, last?);
    let known = |inputs: &Inputs| known(repo, &key(inputs, &toolchain));
    if let Some(record) = last.filter(|inputs| allow_dirty || !inputs.dirty()).and_then(|last| known(&last)) {
        return reuse(repo, record, started);
    }
    let cargo = Cargo::of_caller(repo, &toolchain.target)?;
    let source = Source::of(repo, &cargo, allow_dirty)?;
    if let Some(record) = known(&source.inputs) {
        source.sources.save(repo)?;
        return reuse(repo, record, started);
    }

    let mut elapsed = Elapsed { inputs: millis(started), ..Elapsed::default() };
    let Compile { source, compiled } = source.compile(&cargo, &mut elapsed, progress)?;
    let layout = Layout::at(repo.images());
    let image = make_image(repo, &layout, &source.inputs, &cargo, &mut elapsed, progress)?;
    progress.step("writing down what is in the image");
    let started = Instant::now();
    let work = Work { repo, source: &source, toolchain: &toolchain, started: started_at };
    let (sbom, provenance) = work.documents(&image.digest, &compiled)?;
    let record = BuildRecord {
        schema: Schema,
        digest: image.digest,
        config_digest: image.config_digest,
        size: image.size,
        sbom: layout.attach(&image.digest, SBOM, &sbom)?,
        provenance: layout.attach(&image.digest, PROVENANCE, &provenance)?,
        dirty: source.inputs.dirty(),
        inputs: key(&source.inputs, &toolchain),
        revision: source.inputs.revision,
        toolchain: toolchain.lines,
        built_at: Utc::now(),
    };
    record.save(repo)?;
    source.sources.save(repo)?;
    elapsed.documents = millis(started);
    Ok(Built { record, reused: false, elapsed })
}

/// What was built before is the newest build again.
fn reuse(repo: &Repo, record: BuildRecord, started: Instant) -> Result<Built> {
    record.make_newest(repo)?;
    let elapsed = Elapsed { inputs: millis(started), ..Elapsed::default() };
    Ok(Built { record, reused: true, elapsed })
}

/// Where the caller's cargo leaves the service's program, until another build.
pub fn program(repo: &Repo) -> Result<PathBuf> {
    let toolchain = Toolchain::of_this_machine(repo, Chooser::Caller)?;
    Ok(Cargo::of_caller(repo, &toolchain.target)?.program())
}

/// What the last build was made of, as it is now: enough to find out whether anything has changed, without asking cargo.
fn inputs_of_last_build(repo: &Repo) -> Result<Option<Inputs>> {
    let Some(sources) = Sources::of_last_build(repo) else { return Ok(None) };
    let tree = work_tree_of(repo)?;
    Inputs::of(&tree, &sources).map(Some)
}

fn work_tree_of(repo: &Repo) -> Result<WorkTree> {
    WorkTree::around(repo.root()).map_err(|failure| failure.doing("asking git for the build's inputs"))
}

/// An earlier build from just these inputs, if it is still whole.
fn known(repo: &Repo, key: &Digest) -> Option<BuildRecord> {
    let layout = Layout::at(repo.images());
    BuildRecord::with_inputs(repo, key).filter(|known| is_whole(&layout, known))
}

/// Whether an image and the documents about it are all there, unharmed.
fn is_whole(layout: &Layout, record: &BuildRecord) -> bool {
    let image = &record.digest;
    layout.check_image(image).is_ok()
        && layout.check_attached(image, SBOM, &record.sbom).is_ok()
        && layout.check_attached(image, PROVENANCE, &record.provenance).is_ok()
}

/// Makes the image of what was compiled.
fn make_image(
    repo: &Repo,
    layout: &Layout,
    inputs: &Inputs,
    cargo: &Cargo<'_>,
    elapsed: &mut Elapsed,
    progress: &dyn Progress,
) -> Result<Image> {
    progress.step("making the image");
    let started = Instant::now();
    let (revision, dirty) = (&inputs.revision, inputs.dirty());
    let origin = Origin { revision, dirty, quick: false, target: cargo.target() };
    let image = assemble(layout, &cargo.program(), repo.service()?, origin)?;
    elapsed.image = millis(started);
    Ok(image)
}

fn key(inputs: &Inputs, toolchain: &Toolchain) -> Digest {
    let (content, revision, dirty) = (&inputs.content, &inputs.revision, inputs.dirty());
    let lines = toolchain.lines.join("\n");
    let (authorities, recipe) = (authorities::entry(), recipe::VERSION);
    Digest::of(format!("{content}\n{revision}\n{dirty}\n{lines}\n{authorities}\n{recipe}"))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
