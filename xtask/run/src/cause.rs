//! Why a release does not come up, wherever it is to run.

use serde::Serialize;
use xtask_contract::Error;

/// The causes for which a release does not come up, by the names that they have in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its image cannot be had where it is to run.
    ImageUnavailable,
    /// What it asks for is not there.
    ConfigRefused,
    /// A process ended before it was ready.
    ExitAtStart,
    /// A process ends again and again.
    CrashLoop,
    /// A process needed more memory than it may have.
    OutOfMemory,
    /// A process is not ready, or not alive, for longer than it may be.
    ProbeFailed,
    /// There may be no more processes.
    QuotaExceeded,
    /// The cluster does not let the processes in.
    AdmissionRefused,
    /// No node has room for the processes.
    Unschedulable,
    /// The database could not be brought to its schema.
    MigrationFailed,
    /// All processes are ready, and its address does not answer.
    NotAnswering,
    /// It is not done in time, and nothing says why.
    DeadlineExceeded,
}

impl Cause {
    /// The cause's name: `image_unavailable`.
    pub fn name(self) -> &'static str {
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

    /// The error with this as its cause.
    pub fn of(self, error: Error) -> Error {
        Error { cause: Some(self.name().into()), ..error }
    }
}
