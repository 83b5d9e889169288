//! Whether the database is as this binary needs it.

use super::{Database, DatabaseError, session};
use crate::migration::Migration;

const NOT_MIGRATED: &str = "the database schema is not up to date: run `migrate`";

const MISSING: &str = "SELECT count(*) FROM unnest($1::bigint[]) AS needed WHERE NOT EXISTS \
     (SELECT FROM _sqlx_migrations WHERE version = needed AND success)";

/// Whether it answers, and its schema is at least as new as this binary; the error says what is wrong.
pub(super) async fn ask(database: &Database, migrations: &'static [Migration]) -> Result<(), &'static str> {
    let needed: Vec<i64> = migrations.iter().map(Migration::version).collect();
    let missing = database.run(async |connection| {
        if !database.0.connections.mark().is_on(connection).await? {
            return Ok(None);
        }
        let row = connection.query_one(MISSING, &[&needed]).await?;
        Ok(Some(row.try_get::<_, i64>(0)?))
    });
    match missing.await {
        Ok(None) => Err(session::UNSET),
        Ok(Some(0)) => Ok(()),
        Ok(Some(_)) => Err(NOT_MIGRATED),
        Err(error) if error.is_schema_missing() => Err(NOT_MIGRATED),
        Err(DatabaseError::Unavailable(reason)) if reason == session::UNSET => Err(session::UNSET),
        Err(error) => {
            tracing::debug!(reason = %error, "not ready");
            Err("the database does not answer")
        }
    }
}
