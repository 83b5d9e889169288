//! Whether the database is as this binary needs it.

use super::{Database, DatabaseError, session};
use crate::migration::Migration;

const NOT_MIGRATED: &str = "the database schema is not up to date: run `migrate`";

/// Whether it answers, and its schema is at least as new as this binary; the error says what is wrong.
pub(super) async fn ask(database: &Database, migrations: &'static [Migration]) -> Result<(), &'static str> {
    let missing = missing(migrations);
    let missing = database.run(async |connection| {
        let mark = database.0.connections.mark();
        match mark.look(connection, &missing).await {
            Ok((is_on, count)) => Ok(is_on.then_some(count)),
            // Where the settings are missing, that is to be said first.
            Err(refused) if mark.is_on(connection).await? => Err(refused),
            Err(_) => Ok(None),
        }
    });
    match missing.await {
        Ok(None) => Err(session::UNSET),
        Ok(Some(count)) if count == "0" => Ok(()),
        Ok(Some(_)) => Err(NOT_MIGRATED),
        Err(error) if error.is_schema_missing() => Err(NOT_MIGRATED),
        Err(DatabaseError::Unavailable(reason)) if reason == session::UNSET => Err(session::UNSET),
        Err(error) => {
            tracing::debug!(reason = %error, "not ready");
            Err("the database does not answer")
        }
    }
}

/// How many of them the database has not had: asked together with all else, as a first probe waits for each question.
fn missing(migrations: &[Migration]) -> String {
    let needed: Vec<String> = migrations.iter().map(|one| one.version().to_string()).collect();
    format!(
        "(SELECT count(*) FROM unnest('{{{}}}'::bigint[]) AS needed WHERE NOT EXISTS \
         (SELECT FROM _sqlx_migrations WHERE version = needed AND success))",
        needed.join(",")
    )
}
