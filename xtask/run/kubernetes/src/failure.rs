//! Why a release does not come up: each cause by its name, with what shows it and what to do next.

use serde::Serialize;
use xtask_contract::{Error, ErrorKind};

use crate::containers::Name;

/// The causes for which a rollout ends before its time, by the names that they have in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    ImageUnavailable,
    ConfigRefused,
    ExitAtStart,
    CrashLoop,
    OutOfMemory,
    ProbeFailed,
    QuotaExceeded,
    AdmissionRefused,
    Unschedulable,
    MigrationFailed,
    NotAnswering,
    DeadlineExceeded,
}

impl Cause {
    /// The cause's name: `image_unavailable`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ImageUnavailable => "image_unavailable",
            Self::ConfigRefused => "config_refused",
            Self::ExitAtStart => "exit_at_start",
            Self::CrashLoop => "crash_loop",
            Self::OutOfMemory => "out_of_memory",
            Self::ProbeFailed => "probe_failed",
            Self::QuotaExceeded => "quota_exceeded",
            Self::AdmissionRefused => "admission_refused",
            Self::Unschedulable => "unschedulable",
            Self::MigrationFailed => "migration_failed",
            Self::NotAnswering => "not_answering",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }

    fn next(self) -> &'static str {
        match self {
            Self::ImageUnavailable => {
                "see that the image is where the cluster pulls from and that it may be pulled there; for a backing \
                 service's image: name one that the cluster can pull, or one that is in the Docker Engine \
                 (POSTGRES_IMAGE=… when you make the release)"
            }
            Self::ConfigRefused => "make a new release: the objects of this one ask for what is not there",
            Self::ExitAtStart | Self::CrashLoop => "mend what its output says, and make a new release",
            Self::OutOfMemory => {
                "give the process type more memory (its limits in the deploy's file or k8s/objects)"
            }
            Self::ProbeFailed => {
                "see what its output says; if it only needs longer to start, raise the startup probe's failureThreshold"
            }
            Self::QuotaExceeded => "lower the processes' requests or their number, or have the quota raised",
            Self::AdmissionRefused => {
                "change what the cluster objects to in k8s/objects or the deploy's file"
            }
            Self::Unschedulable => {
                "lower the processes' requests or constraints, or give the cluster more nodes"
            }
            Self::MigrationFailed => "mend what its output says; the same command tries again",
            Self::NotAnswering => "see where the address leads: is another service there?",
            Self::DeadlineExceeded => "see its events and logs; the same command goes on from there",
        }
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
        Error { cause: Some(self.cause.name().into()), kind: ErrorKind::Failed, ..Error::failed(doing, why) }
            .next(self.cause.next())
    }
}
