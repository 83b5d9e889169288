//! How the stages tell what they are doing. They never print: the command line decides what is shown.

use std::fmt;

use serde::Serialize;

/// How a process type stands on its way to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// The process type.
    pub process: String,
    /// How many processes there are to be.
    pub wanted: usize,
    /// How many are of the release.
    pub updated: usize,
    /// How many of those are ready.
    pub ready: usize,
    /// How many of another release are left.
    pub old: usize,
    /// The newest event that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, wanted, updated, ready, old, latest } = self;
        write!(f, "{process}: {updated} of {wanted} new, {ready} ready, {old} old left")?;
        latest.as_ref().map_or(Ok(()), |latest| write!(f, " ({latest})"))
    }
}

/// A listener to a stage's work.
pub trait Progress {
    /// A step begins; it ends when the next one begins, or when the stage returns.
    fn step(&self, what: &str);

    /// What the step is at; worth seeing only while it is true.
    fn detail(&self, what: &str);

    /// Something that a person should know and that stays on the screen.
    fn note(&self, what: &str);

    /// A line from a process of the deploy, such as `web.1`.
    fn line(&self, process: &str, line: &str);

    /// How process types stand on their way to a release, all of them together.
    fn rollout(&self, processes: &[Rollout]) {
        let _ = processes;
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str) {}
    fn detail(&self, _: &str) {}
    fn note(&self, _: &str) {}
    fn line(&self, _: &str, _: &str) {}
}
