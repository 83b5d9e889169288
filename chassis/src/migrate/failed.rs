//! Why a migration failed, and where in its file.

use std::fmt;

use tokio_postgres::error::ErrorPosition;

use super::{Migration, place};
use crate::database::StatementError;

/// A migration that the database refused.
#[derive(Debug)]
pub(super) struct Failed {
    file: String,
    line: Option<usize>,
    why: String,
}

impl Failed {
    /// After so many statements of it.
    pub(super) fn new(migration: &Migration, after: usize, error: &StatementError) -> Self {
        let sql = migration.sql();
        let line = error.refusal().and_then(|refusal| match refusal.position() {
            Some(ErrorPosition::Original(character)) => {
                Some(place::line_of_character(sql, usize::try_from(*character).unwrap_or(usize::MAX)))
            }
            // What only came to light while it ran has no place but its statement's.
            Some(ErrorPosition::Internal { .. }) | None => place::line_of_statement(sql, after),
        });
        let more = error.refusal().into_iter().flat_map(|it| [it.hint(), it.where_()]).flatten();
        let why = more.fold(error.to_string(), |why, more| {
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
