//! Why the database gave no answer.

use std::fmt;

use super::StatementError;
use crate::problem::{Kind, Problem};

/// Why the database gave no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum DatabaseError {
    /// It cannot be reached or cannot serve at present; trying again may help.
    Unavailable(String),
    /// It refused what it was asked: a mistake of ours.
    Refused(StatementError),
}

impl DatabaseError {
    /// Whether it is a table or column that does not exist: the schema is older than this binary.
    pub fn is_schema_missing(&self) -> bool {
        matches!(self, Self::Refused(error) if matches!(error.code(), Some("42P01" | "42703" | "3F000")))
    }
}

/// Whether the server says that it, rather than the statement, is the reason: connection trouble (08), too few
/// resources (53), an operator's or time-out's doing (57), a standby (25006), locks (40, 55P03), I/O (58).
fn is_transient(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58")) || matches!(code, "25006" | "55P03")
}

impl From<StatementError> for DatabaseError {
    fn from(error: StatementError) -> Self {
        if error.is_lost() || error.code().is_some_and(is_transient) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Refused(error)
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => formatter.write_str(reason),
            Self::Refused(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for DatabaseError {}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) => {
                tracing::warn!(reason, "the database is unavailable");
                Self::new(
                    Kind::DATABASE_UNAVAILABLE,
                    "the database does not answer at present; try again soon",
                )
            }
            error if error.is_schema_missing() => {
                tracing::warn!(reason = %error, "the database schema is missing or too old");
                Self::new(Kind::DATABASE_UNAVAILABLE, "the database is not set up yet; try again soon")
            }
            DatabaseError::Refused(error) => {
                tracing::error!(%error, "the database refused a statement");
                Self::internal()
            }
        }
    }
}
