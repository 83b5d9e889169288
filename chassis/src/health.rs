//! Where those ask who decide whether to restart this process, and whether to send it requests.

/// Where to ask whether the process runs.
pub const LIVENESS: &str = "/livez";

/// Where to ask whether requests are welcome.
pub const READINESS: &str = "/readyz";

/// Whether this is the path of one who asks that.
pub fn is_probe(path: &str) -> bool {
    matches!(path, LIVENESS | READINESS)
}
