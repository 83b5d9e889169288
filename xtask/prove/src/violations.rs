//! What the violator does wrong, which experiment is to find it, and as what.

use crate::Factor;

/// One way to break a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// What the violator is told to do, or what is done to its workspace.
    pub name: &'static str,
    /// The factor.
    pub factor: Factor,
    /// The cause by which the experiment names it.
    pub cause: &'static str,
    /// In words, after "a service that".
    pub words: &'static str,
}

/// The one for which the image's commit leaves the repository.
pub(crate) const NO_COMMIT: &str = "its_commit_is_gone";
/// The one for which the deploy has a database, of which the service takes no notice: it goes on using the address that it knows.
pub(crate) const KNOWN_ADDRESS: &str = "uses_an_address_that_it_knows";
/// The one for which another deploy lacks a variable.
pub(crate) const NO_VARIABLE: &str = "another_deploy_lacks_a_variable";

/// The one for which another deploy has another version of a backing service.
pub(crate) const OTHER_VERSION: &str = "another_deploy_has_another_version";

const fn violation(
    name: &'static str,
    factor: Factor,
    cause: &'static str,
    words: &'static str,
) -> Violation {
    Violation { name, factor, cause, words }
}

/// All of them.
pub const VIOLATIONS: [Violation; 23] = [
    violation(NO_COMMIT, Factor::Codebase, "unknown_revision", "was built from a commit that nobody has"),
    violation("calls_a_program", Factor::Dependencies, "needs_the_system", "calls `sh`"),
    violation("needs_a_file", Factor::Dependencies, "needs_the_system", "reads a file of the system"),
    violation(
        "takes_a_default_from_a_file",
        Factor::Dependencies,
        "looks_at_the_system",
        "takes a default from a file, if that is there",
    ),
    violation(
        "loads_a_library",
        Factor::Dependencies,
        "looks_at_the_system",
        "loads a library of the system, if that is there",
    ),
    violation("secret_in_the_log", Factor::Config, "secret_elsewhere", "logs a secret when it starts"),
    violation(
        KNOWN_ADDRESS,
        Factor::BackingServices,
        "not_exchanged",
        "uses the address of a database that is in its code",
    ),
    violation("compiles_at_start", Factor::Stages, "compiles_at_start", "calls a compiler when it starts"),
    violation("fetches_at_start", Factor::Stages, "fetches_at_start", "fetches something when it starts"),
    violation("state_in_memory", Factor::Processes, "not_shared", "keeps what it is told in memory"),
    violation(
        "keeps_sessions",
        Factor::Processes,
        "not_shared",
        "tells what it was told only to the client that it knows by a cookie",
    ),
    violation("file_in_the_folder", Factor::Processes, "file_kept", "writes a file beside its program"),
    violation("goes_away", Factor::PortBinding, "not_its_own_port", "leaves its socket to another process"),
    violation(
        "needs_a_server_in_front",
        Factor::PortBinding,
        "needs_one_in_front",
        "serves only what a proxy sends",
    ),
    violation("locks_a_singleton", Factor::Concurrency, "does_not_scale", "can be there once only"),
    violation("ignores_sigterm", Factor::Disposability, "does_not_stop", "ignores SIGTERM"),
    violation(
        "answers_before_it_stores",
        Factor::Disposability,
        "lost_writes",
        "answers before it has stored what it was told",
    ),
    violation(NO_VARIABLE, Factor::Parity, "missing_variable", "has a variable in one deploy only"),
    violation(
        OTHER_VERSION,
        Factor::Parity,
        "other_version",
        "uses another version of its backing service in another deploy",
    ),
    violation("log_file", Factor::Logs, "log_file", "writes a log file"),
    violation("held_back", Factor::Logs, "held_back", "holds its lines back"),
    violation("changes_its_limits", Factor::Admin, "other_limits", "gives its processes limits of their own"),
    violation("no_trace", Factor::Telemetry, "no_trace", "drops what a client calls its request"),
];
