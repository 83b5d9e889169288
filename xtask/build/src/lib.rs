//! Stage 1, build: from source to a container image, known by its digest.
//!
//! Architecture invariants: the image is a function of its inputs (see [`inputs`]), the toolchain and this
//! crate, of nothing else; nothing here knows any deploy.

mod compile;
mod image;
mod inputs;
mod root_files;
mod toolchain;

use std::{path::PathBuf, time::Instant};

use chrono::Utc;
use serde::Serialize;
use xtask_contract::{BuildRecord, Digest, Layout, Progress, Repo, Result};

pub use image::{Image, Origin, assemble};
use inputs::Inputs;
use toolchain::Toolchain;

/// All source files that decide what an image looks like for given inputs: a change to one of them makes
/// earlier builds stale.
const RECIPE: &str = concat!(
    include_str!("../../contract/src/archive.rs"),
    include_str!("../../contract/src/image.rs"),
    include_str!("compile.rs"),
    include_str!("image.rs"),
    include_str!("root_files.rs"),
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
}

/// Builds the image of the checkout's service, unless that was done before.
pub fn build(repo: &Repo, allow_dirty: bool, progress: &dyn Progress) -> Result<Built> {
    let started = Instant::now();
    let (inputs, toolchain) = std::thread::scope(|scope| {
        let toolchain = scope.spawn(|| Toolchain::of_this_machine(repo));
        let inputs = Inputs::of_work_tree(repo, allow_dirty);
        (inputs, toolchain.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let (inputs, toolchain) = (inputs?, toolchain?);
    let key = key(&inputs, &toolchain);
    let program = compile::program(repo, &toolchain.target);
    let layout = Layout::at(repo.images());
    let known =
        BuildRecord::with_inputs(repo, &key).filter(|known| layout.check_image(&known.digest).is_ok());
    let mut elapsed = Elapsed { inputs: millis(started), ..Elapsed::default() };
    if let Some(record) = known {
        record.make_newest(repo)?;
        return Ok(Built { record, program, reused: true, elapsed });
    }

    progress.step("compiling the service");
    let started = Instant::now();
    compile::compile(repo, &toolchain.target, progress)?;
    elapsed.compile = millis(started);

    progress.step("making the image");
    let started = Instant::now();
    let image = assemble(
        &layout,
        &program,
        Origin { revision: &inputs.revision, dirty: inputs.dirty, target: &toolchain.target },
    )?;
    let record = BuildRecord {
        schema: 1,
        digest: image.digest,
        config_digest: image.config_digest,
        size: image.size,
        revision: inputs.revision,
        dirty: inputs.dirty,
        inputs: key,
        toolchain: toolchain.lines,
        built_at: Utc::now(),
    };
    record.save(repo)?;
    elapsed.image = millis(started);
    Ok(Built { record, program, reused: false, elapsed })
}

fn key(inputs: &Inputs, toolchain: &Toolchain) -> Digest {
    let Inputs { content, revision, dirty } = inputs;
    Digest::of(format!("{content}\n{revision}\n{dirty}\n{}\n{RECIPE}", toolchain.lines.join("\n")))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
