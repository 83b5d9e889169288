//! The variables that processes of more than one type read.

use crate::config::{Integer, LogLevel, Need, Span, Variable};

pub(crate) const LOG_LEVEL: Variable<LogLevel> =
    Variable::new("LOG_LEVEL", LogLevel, Need::Default("info"), "the least severe events to log");

pub(crate) const SHUTDOWN_TIMEOUT: Variable<Span> = Variable::new(
    "SHUTDOWN_TIMEOUT",
    Span,
    Need::Default("10s"),
    "how long stopping may take, DRAIN_DELAY included",
);

/// The variable with the port, which the process's supervisor or cluster must know.
pub(crate) const PORT: Variable<Integer<u16>> = Variable::new(
    "PORT",
    Integer::new(0, 65535),
    Need::Required,
    "the TCP port to listen on; 0 takes any free port, see the first log line",
);
