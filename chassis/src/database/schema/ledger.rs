//! The table of applied migrations.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::super::{Connection, StatementError};
use crate::migration::Migration;

/// The table has sqlx's name, columns and checksums, and the lock below its number: sqlx's migrator made the table in the
/// databases that are in use today, and a release that still has it can be run again.
const MAKE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
)";
const EXISTS: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const APPLIED: &str = "SELECT version, description, installed_on, success, checksum FROM _sqlx_migrations";
const NOTE: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     VALUES ($1, $2, TRUE, $3, -1)";

/// The factor of the lock's number.
const LOCK: i64 = 0x3d32_ad9e;

/// One applied migration.
pub(crate) struct Applied {
    pub(crate) description: String,
    pub(crate) at: DateTime<Utc>,
    /// Whether it was completed.
    pub(crate) success: bool,
    pub(crate) checksum: Vec<u8>,
}

/// Waits for other processes that migrate. The lock is released with the connection.
pub(crate) async fn lock(connection: &Connection) -> Result<(), StatementError> {
    let row = connection.query_one("SELECT current_database()", &[]).await?;
    let number = number_of_lock(row.try_get(0)?);
    connection.query_one("SELECT pg_advisory_lock($1)", &[&number]).await.map(drop)
}

fn number_of_lock(database: &str) -> i64 {
    LOCK * i64::from(crc32(database))
}

pub(crate) async fn make(connection: &Connection) -> Result<(), StatementError> {
    Ok(connection.client().batch_execute(MAKE).await?)
}

pub(crate) async fn exists(connection: &Connection) -> Result<bool, StatementError> {
    Ok(connection.query_one(EXISTS, &[]).await?.try_get(0)?)
}

/// All applied migrations, by version.
pub(crate) async fn applied(connection: &Connection) -> Result<BTreeMap<i64, Applied>, StatementError> {
    let mut applied = BTreeMap::new();
    for row in connection.query(APPLIED, &[]).await? {
        let entry = Applied {
            description: row.try_get("description")?,
            at: row.try_get("installed_on")?,
            success: row.try_get("success")?,
            checksum: row.try_get("checksum")?,
        };
        applied.insert(row.try_get("version")?, entry);
    }
    Ok(applied)
}

/// Adds a completed migration.
pub(crate) async fn note(connection: &Connection, migration: &Migration) -> Result<(), StatementError> {
    let (version, checksum) = (migration.version(), migration.checksum());
    connection.execute(NOTE, &[&version, &migration.name(), &checksum]).await.map(drop)
}

/// CRC-32 (ISO 3309, as in zip), bit by bit: names are short.
fn crc32(text: &str) -> u32 {
    !text.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_of_the_number_that_it_always_was() {
        // The check value of the algorithm in every catalogue of them.
        assert_eq!(crc32("123456789"), 0xcbf4_3926);
        assert_eq!(number_of_lock("pets"), 2_312_072_799_427_700_194);
    }

    #[test]
    fn a_checksum_is_the_sha_384_of_the_text() {
        let checksum = Migration::new(1, "pets", "abc").checksum();
        // FIPS 180-4's example.
        assert_eq!(checksum[..8], [0xcb, 0x00, 0x75, 0x3f, 0x45, 0xa3, 0x5e, 0x8b]);
        assert_eq!(checksum.len(), 48);
    }
}
