//! How `run` goes about it.

use std::time::Duration;

use xtask_contract::Progress;

/// How long a cluster may be silent in the middle of an answer: an answer that never comes ends a call, and a watch that is
/// silent for so long starts again.
pub const SILENCE: Duration = Duration::from_secs(30);

/// How long a process may take to become ready, unless something else is said.
pub const START: Duration = Duration::from_mins(1);

/// What to do while another command changes the deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfBusy {
    /// Wait until it is done.
    Wait,
    /// Refuse.
    Refuse,
}

/// What may be chosen for a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to do while another command changes the deploy.
    pub if_busy: IfBusy,
    /// Fields of objects on the cluster that may be taken from their managers.
    pub take_over: Vec<String>,
    /// Whether a release that fails is left as it is, rather than exchanged for the one before.
    pub keep_failed: bool,
    /// The last resort: how long the release may take to arrive on a cluster.
    pub deadline: Duration,
    /// The same on this machine: how long each of its processes may take to become ready.
    pub start: Duration,
    /// When it gives up on a cluster or on another command.
    pub timing: Timing,
}

/// What a run takes for silence and for death. Nobody need choose it; tests do, which cannot wait for so long.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long a cluster's API may be silent in the middle of an answer.
    pub silence: Duration,
    /// How long the lock on a deploy lasts without being renewed: whole seconds, as Kubernetes counts them ...
    pub lease: Duration,
    /// ... which is done this often.
    pub renewal: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { silence: SILENCE, lease: Duration::from_secs(10), renewal: Duration::from_secs(2) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            if_busy: IfBusy::Wait,
            take_over: Vec::new(),
            keep_failed: false,
            deadline: Duration::from_mins(5),
            start: START,
            timing: Timing::default(),
        }
    }
}

impl Options {
    /// Notes which of the given options have no effect on a local deploy, if any.
    pub fn note_options_without_effect(&self, progress: &dyn Progress) {
        let given = self.only_for_clusters();
        if !given.is_empty() {
            progress.note(&format!("{} has no effect on a local deploy", given.join(", ")));
        }
    }

    fn only_for_clusters(&self) -> Vec<&'static str> {
        let given = [("--take-over", !self.take_over.is_empty()), ("--keep-failed", self.keep_failed)];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_effect_on_a_local_deploy_are_named() {
        assert!(Options::default().only_for_clusters().is_empty());
        let given = Options { keep_failed: true, take_over: vec!["data.PORT".into()], ..Options::default() };
        assert_eq!(given.only_for_clusters(), ["--take-over", "--keep-failed"]);
    }
}
