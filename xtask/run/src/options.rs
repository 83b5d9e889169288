//! How `run` goes about it.

use std::time::Duration;

use xtask_contract::Progress;

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
    /// Fields of objects on the cluster that may be taken from whoever owns them.
    pub take_over: Vec<String>,
    /// Whether a release that fails is left as it is, rather than exchanged for the one before.
    pub keep_failed: bool,
    /// The last resort: how long the release may take to arrive.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            if_busy: IfBusy::Wait,
            take_over: Vec::new(),
            keep_failed: false,
            deadline: Duration::from_mins(5),
        }
    }
}

impl Options {
    /// Says which of them mean nothing to a deploy of this machine, if any was given.
    pub(crate) fn tell_what_only_clusters_heed(&self, progress: &dyn Progress) {
        let given = self.only_for_clusters();
        if !given.is_empty() {
            progress.note(&format!("{} says nothing to a deploy of this machine", given.join(", ")));
        }
    }

    fn only_for_clusters(&self) -> Vec<&'static str> {
        let given = [
            ("--take-over", !self.take_over.is_empty()),
            ("--keep-failed", self.keep_failed),
            ("--deadline", self.deadline != Self::default().deadline),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_does_not_heed_is_named_if_it_is_given() {
        assert!(Options::default().only_for_clusters().is_empty());
        let given = Options { keep_failed: true, deadline: Duration::from_secs(9), ..Options::default() };
        assert_eq!(given.only_for_clusters(), ["--keep-failed", "--deadline"]);
    }
}
