//! Shows by a live experiment for each of the twelve factors that a service keeps it, and would notice if it did not.
//!
//! The experiments are made on a deploy of their own: the image that was built last, the config of one of the project's
//! deploys, databases of its own. They act as people do, by `cargo xtask` and by HTTP, and look at processes as the system
//! shows them. Nothing of the project's own deploys is touched.
//!
//! Architecture invariant: each experiment says what it has seen, not what it expects. Where it cannot see, it says that it
//! has shown nothing.

mod calibration;
mod empty_root;
mod experiments;
mod factor;
mod http;
mod notes;
mod observed;
mod page;
mod picture;
mod proof;
mod stage;
pub mod store;
mod system;
mod toolchain;
mod traffic;
mod violations;
pub mod violator;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use chrono::Utc;
use xtask_contract::{Context, Digest, EnvName, Progress, Repo, Result};

pub use self::{
    calibration::{Calibration, Caught, calibrate},
    factor::Factor,
    page::{badge, page},
    picture::Picture,
    proof::{Panel, Problem, Proof, Verdict},
    violations::{VIOLATIONS, Violation},
};
use self::{notes::Notes, stage::Stage};

/// What is to be shown, and by what.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The project.
    pub repo: &'a Repo,
    /// The deploy whose config is taken.
    pub env: &'a EnvName,
    /// Of which factors.
    pub factors: &'a [Factor],
    /// The program that is called as `cargo xtask`.
    pub program: PathBuf,
    /// Becomes true when somebody wants it to end.
    pub stop: Arc<AtomicBool>,
}

/// Makes an experiment for each factor that is wanted.
pub fn prove(wanted: Wanted<'_>, progress: &dyn Progress) -> Result<Proof> {
    let Wanted { repo, env, factors, program, stop } = wanted;
    let (at, began) = (Utc::now(), Instant::now());
    let toolchain = digest_of(&program)?;
    let stage = Stage::set((repo, env), program, stop, progress)?;
    let release = stage.runs()?;
    let mut panels = Vec::new();
    for factor in factors {
        progress.step(&format!("{} {}", factor.numeral(), factor.title()));
        let from = Instant::now();
        let mut notes = Notes::default();
        experiments::of(*factor, &stage, &mut notes)?;
        panels.push(notes.end(*factor, millis(from.elapsed())));
    }
    let service = stage.service.service.clone();
    let image = stage.record.digest;
    progress.step("taking it all away");
    drop(stage);
    let (env, took_ms, calibration) = (env.clone(), millis(began.elapsed()), None);
    Ok(Proof { env, service, image, release, at, took_ms, toolchain, panels, calibration })
}

/// Which version of the toolchain it is.
fn digest_of(program: &Path) -> Result<Digest> {
    fs::read(program).map(Digest::of).doing(|| format!("reading {}", program.display()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
