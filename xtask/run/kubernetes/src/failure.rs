//! Why a release does not come up: each cause by its name, with what shows it and what to do next.

use xtask_contract::Error;

use xtask_run::Cause;

use crate::containers::Name;

/// What to do about it on a cluster.
fn next(cause: Cause) -> &'static str {
    match cause {
        Cause::ImageUnavailable => {
            "see that the image is where the cluster pulls from and that it may be pulled there; for a backing \
                 service's image: name one that the cluster can pull, or one that is in the Docker Engine \
                 (POSTGRES_IMAGE=… when you make the release)"
        }
        Cause::ConfigRefused => "make a new release: the objects of this one ask for what is not there",
        Cause::ExitAtStart | Cause::CrashLoop => "mend what its output says, and make a new release",
        Cause::OutOfMemory => {
            "give the process type more memory (its limits in the deploy's file or k8s/objects)"
        }
        Cause::ProbeFailed => {
            "see what its output says; if it only needs longer to start, raise the startup probe's failureThreshold"
        }
        Cause::QuotaExceeded => "lower the processes' requests or their number, or have the quota raised",
        Cause::AdmissionRefused => "change what the cluster objects to in k8s/objects or the deploy's file",
        Cause::Unschedulable => {
            "lower the processes' requests or constraints, or give the cluster more nodes"
        }
        Cause::MigrationFailed => "mend what its output says; the same command tries again",
        Cause::NotAnswering => "see where the address leads: is another service there?",
        Cause::DeadlineExceeded => "see its events and logs; the same command goes on from there",
    }
}

/// What went wrong with which process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// `web`.
    pub(crate) process: String,
    /// The pod that shows it, if one does.
    pub(crate) pod: Option<String>,
    /// Which of its containers.
    pub(crate) container: Option<Name>,
    /// In words.
    pub(crate) reason: String,
    /// What the cluster noted about the pod, the newest last.
    pub(crate) events: Vec<String>,
    /// The last lines of the pod's output.
    pub(crate) log: Vec<String>,
}

impl Failure {
    pub(crate) fn new(cause: Cause, process: &str, pod: Option<&str>, reason: impl Into<String>) -> Self {
        Self {
            cause,
            process: process.to_owned(),
            pod: pod.map(str::to_owned),
            container: None,
            reason: reason.into(),
            events: Vec::new(),
            log: Vec::new(),
        }
    }

    /// The failure as the command line shows it.
    pub(crate) fn error(&self, doing: impl Into<String>) -> Error {
        let place = match (&self.pod, &self.container) {
            (Some(pod), Some(container)) => format!("pod {pod}, {container}: "),
            (Some(pod), None) => format!("pod {pod}: "),
            (None, _) => String::new(),
        };
        let below = |head: &str, lines: &[String]| {
            lines
                .iter()
                .fold(if lines.is_empty() { String::new() } else { format!("\n    {head}") }, |text, line| {
                    format!("{text}\n      {line}")
                })
        };
        let why = format!(
            "{place}{}{}{}",
            self.reason,
            below("the cluster noted:", &self.events),
            below("its last output:", &self.log)
        );
        self.cause.of(Error::failed(doing, why)).next(next(self.cause))
    }
}
