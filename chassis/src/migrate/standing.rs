//! Where each migration stands in a database.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use super::Migration;

const EXISTS: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const APPLIED: &str = "SELECT version, description, installed_on, success, checksum FROM _sqlx_migrations";

/// One migration, of this binary or of the database.
pub(crate) struct Standing {
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

/// A row of the database's own list.
struct Applied {
    description: String,
    at: DateTime<Utc>,
    success: bool,
    checksum: Vec<u8>,
}

/// Every migration that the binary or the database knows, in order. Only reads.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    migrations: &[Migration],
) -> sqlx::Result<Vec<Standing>> {
    let mut applied = BTreeMap::new();
    if sqlx::query_scalar(EXISTS).fetch_one(&mut *connection).await? {
        for row in sqlx::query(APPLIED).fetch_all(connection).await? {
            let entry = Applied {
                description: row.try_get("description")?,
                at: row.try_get("installed_on")?,
                success: row.try_get("success")?,
                checksum: row.try_get("checksum")?,
            };
            applied.insert(row.try_get::<i64, _>("version")?, entry);
        }
    }
    Ok(compare(applied, migrations))
}

fn compare(mut applied: BTreeMap<i64, Applied>, migrations: &[Migration]) -> Vec<Standing> {
    let mut all: Vec<_> = migrations
        .iter()
        .map(Migration::applied)
        .map(|migration| {
            let place = match applied.remove(&migration.version) {
                None => Place::ToCome,
                Some(entry) if !entry.success => Place::Unfinished,
                Some(entry) if entry.checksum != *migration.checksum => Place::OtherText(entry.at),
                Some(entry) => Place::Applied(entry.at),
            };
            Standing { version: migration.version, description: migration.description, place }
        })
        .collect();
    all.extend(applied.into_iter().map(|(version, entry)| Standing {
        version,
        description: entry.description.into(),
        place: if entry.success { Place::Newer(entry.at) } else { Place::Unfinished },
    }));
    all.sort_by_key(|migration| migration.version);
    all
}
