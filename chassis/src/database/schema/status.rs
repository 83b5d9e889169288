//! The status of each migration in a database.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};

use super::{
    super::{Connection, StatementError},
    ledger,
};
use crate::migration::Migration;

/// The status of one migration, of this binary or of the database.
pub(crate) struct SchemaStatus {
    pub(crate) version: i64,
    pub(crate) description: Cow<'static, str>,
    pub(crate) place: Place,
}

/// Where a migration stands.
#[derive(Debug, PartialEq)]
pub(crate) enum Place {
    Applied(DateTime<Utc>),
    /// Begun, and not said to have ended.
    Unfinished,
    /// Applied, but it was another one than this binary's.
    OtherText(DateTime<Utc>),
    ToCome,
    /// This binary does not know it.
    Newer(DateTime<Utc>),
}

impl Place {
    /// Whether there is no going on from there.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Unfinished | Self::OtherText(_))
    }
}

/// Every migration that the binary or the database knows, in order. Only reads.
pub(crate) async fn status(
    connection: &Connection,
    migrations: &[Migration],
) -> Result<Vec<SchemaStatus>, StatementError> {
    let applied =
        if ledger::exists(connection).await? { ledger::applied(connection).await? } else { BTreeMap::new() };
    Ok(compare(applied, migrations))
}

fn compare(mut applied: BTreeMap<i64, ledger::Applied>, migrations: &[Migration]) -> Vec<SchemaStatus> {
    let mut all: Vec<_> = migrations
        .iter()
        .map(|migration| {
            let place = match applied.remove(&migration.version()) {
                None => Place::ToCome,
                Some(entry) if !entry.success => Place::Unfinished,
                Some(entry) if entry.checksum != migration.checksum() => Place::OtherText(entry.at),
                Some(entry) => Place::Applied(entry.at),
            };
            SchemaStatus { version: migration.version(), description: migration.name().into(), place }
        })
        .collect();
    all.extend(applied.into_iter().map(|(version, entry)| SchemaStatus {
        version,
        description: entry.description.into(),
        place: if entry.success { Place::Newer(entry.at) } else { Place::Unfinished },
    }));
    all.sort_by_key(|migration| migration.version);
    all
}
