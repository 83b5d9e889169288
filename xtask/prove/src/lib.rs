//! Shows by a live experiment for each of the twelve factors that a service keeps it, and would notice if it did not.
//!
//! The experiments are made on a deploy of their own, on this machine or on its kind cluster: the image that was built last,
//! the config of one of the project's deploys, databases of its own. They act as people do, by `cargo xtask` and by HTTP, and
//! look at processes as the system shows them. Nothing of the project's own deploys is touched; or, if that is wanted, one of
//! those is looked at while it is in use.
//!
//! Architecture invariant: each experiment says what it has seen, not what it expects. Where it cannot see, it says that it
//! has shown nothing.

mod calibration;
mod empty_root;
mod experiments;
mod factor;
mod ground;
mod http;
mod machine;
mod node;
mod notes;
mod observed;
mod page;
mod picture;
mod proof;
mod relay;
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
    /// Whether that deploy itself is looked at, in use as it is.
    pub live: bool,
    /// The program that is called as `cargo xtask`.
    pub program: PathBuf,
    /// Becomes true when somebody wants it to end.
    pub stop: Arc<AtomicBool>,
}

/// Makes an experiment for each factor that is wanted.
///
/// # Errors
///
/// When the deploy cannot be made, or does not run; or an experiment cannot be made at all.
pub fn prove(wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Proof> {
    let Wanted { env, factors, live, program, .. } = wanted;
    let (at, began) = (Utc::now(), Instant::now());
    let toolchain = digest_of(program)?;
    let stage = if *live { Stage::in_use(wanted, progress) } else { Stage::set(wanted, progress) }?;
    let release = stage.runs()?;
    stage.is_seen()?;
    let mut panels = Vec::new();
    for factor in *factors {
        progress.step(&format!("{} {}", factor.numeral(), factor.title()));
        stage.goes_on()?;
        let from = Instant::now();
        let mut notes = Notes::default();
        experiments::of(*factor, &stage, &mut notes)?;
        panels.push(notes.end(*factor, millis(from.elapsed())));
    }
    let service = stage.service.service.clone();
    let image = stage.record.digest;
    progress.step("taking it all away");
    drop(stage);
    let (env, live, took_ms, calibration) = ((*env).clone(), *live, millis(began.elapsed()), None);
    Ok(Proof { env, live, service, image, release, at, took_ms, toolchain, panels, calibration })
}

/// Which version of the toolchain it is.
fn digest_of(program: &Path) -> Result<Digest> {
    fs::read(program).map(Digest::of).doing(|| format!("reading {}", program.display()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
