//! Why a migration failed, and where in its file.

use std::fmt;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::{Migration, place};
use crate::database::Reason;

/// A migration that the database refused.
#[derive(Debug)]
pub(super) struct Failed {
    file: String,
    line: Option<usize>,
    why: String,
}

impl Failed {
    /// After so many statements of it.
    pub(super) fn new(migration: &Migration, after: usize, error: &sqlx::Error) -> Self {
        let sql = migration.sql();
        let refusal = error.as_database_error().and_then(|it| it.try_downcast_ref::<PgDatabaseError>());
        let line = match refusal.and_then(PgDatabaseError::position) {
            Some(PgErrorPosition::Original(character)) => Some(place::line_of_character(sql, character)),
            // What only came to light while it ran has no place but its statement's.
            Some(PgErrorPosition::Internal { .. }) | None => {
                refusal.and_then(|_| place::line_of_statement(sql, after))
            }
        };
        let more = refusal.into_iter().flat_map(|it| [it.hint(), it.r#where()]).flatten();
        let why = more.fold(Reason(error).to_string(), |why, more| {
            format!("{why} ({})", more.trim_end_matches('.').replace('\n', "; "))
        });
        Self { file: migration.file(), line, why }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, why } = self;
        write!(formatter, "cannot apply {file}")?;
        if let Some(line) = line {
            write!(formatter, ", line {line}")?;
        }
        write!(formatter, ": {why}. Nothing of it was kept")
    }
}

impl std::error::Error for Failed {}
