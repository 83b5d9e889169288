//! What the experiments have shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use xtask_contract::{Digest, EnvName, ReleaseId, ServiceName};

use crate::{Calibration, Factor, picture::Picture};

/// All experiments on one deploy.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// The deploy whose config was taken.
    pub env: EnvName,
    /// Whether that deploy itself was looked at, in use as it was.
    pub live: bool,
    /// The service.
    pub service: ServiceName,
    /// The image.
    pub image: Digest,
    /// The release that was made of it for this.
    pub release: ReleaseId,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long all of it took, in milliseconds.
    pub took_ms: u64,
    /// The digest of the toolchain's program.
    pub toolchain: Digest,
    /// What was shown of each factor.
    pub panels: Vec<Panel>,
    /// When the experiments were last made on services that break the factors, if that is known.
    pub calibration: Option<Calibration>,
}

/// What came of one experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The factor is kept, as far as anybody could see.
    Holds,
    /// It is not.
    Broken,
    /// Nothing could be seen either way.
    NotShown,
}

/// What one experiment has shown.
#[derive(Debug, Serialize)]
pub struct Panel {
    /// Of which factor.
    pub factor: Factor,
    /// Whether it is kept.
    pub verdict: Verdict,
    /// What was done and seen, a sentence each.
    pub seen: Vec<String>,
    /// What breaks the factor.
    pub problems: Vec<Problem>,
    /// What could not be shown, and why, a sentence each.
    pub not_shown: Vec<String>,
    /// What says it better than words.
    pub pictures: Vec<Picture>,
    /// How it can be looked at by hand.
    pub commands: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What breaks a factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is for programs: `secret_in_logs`.
    pub cause: &'static str,
    /// In words.
    pub text: String,
}

impl Proof {
    /// Whether nothing was found that breaks a factor.
    pub fn holds(&self) -> bool {
        self.panels.iter().all(|panel| panel.verdict != Verdict::Broken)
    }
}
