//! Stage 1, build: from source to a container image, known by its digest.
//!
//! Architecture invariants: the image is a function of its inputs (see [`inputs`]), the toolchain and this
//! crate, of nothing else; nothing here knows any deploy.

mod clone;
mod compile;
mod crates;
mod difference;
mod documents;
mod image;
mod inputs;
mod lock;
mod origin;
mod provenance;
mod root_files;
mod sbom;
mod toolchain;
mod verify;

use std::{path::PathBuf, thread, time::Instant};

use chrono::Utc;
use serde::Serialize;
use xtask_contract::{
    BuildRecord, Digest, Layout, Progress, Repo, Result,
    deploy::Schema,
    referrers::{PROVENANCE, SBOM},
};

use compile::Cargo;
use crates::Compiled;
use documents::Work;
pub use image::{Image, Origin, assemble};
use inputs::Inputs;
use toolchain::{Chooser, Toolchain};
pub use verify::{Claim, Made, verify};

/// All source files that decide what an image and the documents about it look like for given inputs: a change
/// to one of them makes earlier builds stale.
const RECIPE: &str = concat!(
    include_str!("../../contract/src/archive.rs"),
    include_str!("../../contract/src/image.rs"),
    include_str!("../../contract/src/referrers.rs"),
    include_str!("compile.rs"),
    include_str!("crates.rs"),
    include_str!("documents.rs"),
    include_str!("image.rs"),
    include_str!("lock.rs"),
    include_str!("origin.rs"),
    include_str!("provenance.rs"),
    include_str!("root_files.rs"),
    include_str!("sbom.rs"),
);

/// What a build ended with.
#[derive(Debug)]
pub struct Built {
    /// The image's record.
    pub record: BuildRecord,
    /// Where the compiler leaves the program, until another build.
    pub program: PathBuf,
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
    let (inputs, toolchain) = look(repo, allow_dirty, Chooser::Caller)?;
    let key = key(&inputs, &toolchain);
    let cargo = Cargo::of_caller(repo, &toolchain.target);
    let program = cargo.program();
    let layout = Layout::at(repo.images());
    let known = BuildRecord::with_inputs(repo, &key).filter(|known| is_whole(&layout, known));
    let mut elapsed = Elapsed { inputs: millis(started), ..Elapsed::default() };
    if let Some(record) = known {
        record.make_newest(repo)?;
        return Ok(Built { record, program, reused: true, elapsed });
    }

    let (image, compiled) = make(&layout, &inputs, &cargo, &mut elapsed, progress)?;
    progress.step("writing down what is in the image");
    let started = Instant::now();
    let work = Work { repo, inputs: &inputs, toolchain: &toolchain, cargo: &cargo, started: started_at };
    let (sbom, provenance) = work.documents(&image.digest, &compiled)?;
    let record = BuildRecord {
        schema: Schema,
        digest: image.digest,
        config_digest: image.config_digest,
        size: image.size,
        sbom: layout.attach(&image.digest, SBOM, &sbom)?,
        provenance: layout.attach(&image.digest, PROVENANCE, &provenance)?,
        revision: inputs.revision,
        dirty: inputs.dirty,
        inputs: key,
        toolchain: toolchain.lines,
        built_at: Utc::now(),
    };
    record.save(repo)?;
    elapsed.documents = millis(started);
    Ok(Built { record, program, reused: false, elapsed })
}

/// Looks at what there is to build, and with what.
fn look(repo: &Repo, allow_dirty: bool, chooser: Chooser) -> Result<(Inputs, Toolchain)> {
    let (inputs, toolchain) = thread::scope(|scope| {
        let toolchain = scope.spawn(|| Toolchain::of_this_machine(repo, chooser));
        let inputs = Inputs::of_work_tree(repo, allow_dirty);
        (inputs, toolchain.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok((inputs?, toolchain?))
}

/// Whether an image and the documents about it are all there, unharmed.
fn is_whole(layout: &Layout, record: &BuildRecord) -> bool {
    let image = &record.digest;
    layout.check_image(image).is_ok()
        && layout.check_attached(image, SBOM, &record.sbom).is_ok()
        && layout.check_attached(image, PROVENANCE, &record.provenance).is_ok()
}

/// Compiles the service and makes its image.
fn make(
    layout: &Layout,
    inputs: &Inputs,
    cargo: &Cargo<'_>,
    elapsed: &mut Elapsed,
    progress: &dyn Progress,
) -> Result<(Image, Compiled)> {
    progress.step("compiling the service");
    let started = Instant::now();
    let compiled = cargo.compile(progress)?;
    elapsed.compile = millis(started);

    progress.step("making the image");
    let started = Instant::now();
    let origin = Origin { revision: &inputs.revision, dirty: inputs.dirty, target: cargo.target() };
    let image = assemble(layout, &cargo.program(), origin)?;
    elapsed.image = millis(started);
    Ok((image, compiled))
}

fn key(inputs: &Inputs, toolchain: &Toolchain) -> Digest {
    let Inputs { content, revision, dirty } = inputs;
    Digest::of(format!("{content}\n{revision}\n{dirty}\n{}\n{RECIPE}", toolchain.lines.join("\n")))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
