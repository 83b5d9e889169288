//! Brings the database's schema up to date.

use std::{collections::HashMap, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, SqlStr,
    migrate::{Migrate, Migration, MigrationType},
};
use tokio::time::timeout;

use crate::{Outcome, config::DatabaseConfig, database};

/// Every migration, oldest first. What is listed here must never change; add to the end.
const MIGRATIONS: &[(i64, &str, &str)] = &[(1, "todos", include_str!("../migrations/0001_todos.sql"))];

/// Where the applied migrations are remembered.
const TABLE: &str = "_sqlx_migrations";

/// The versions a database must have for this binary to work.
pub(crate) fn versions() -> Vec<i64> {
    MIGRATIONS.iter().map(|(version, ..)| *version).collect()
}

/// Applies what is missing. A database that is newer than this binary is left as it is.
pub(crate) async fn run(config: DatabaseConfig) -> Outcome {
    let mut connection = connect(config).await?;
    // Waits for whoever else is migrating. The lock goes with the connection at the latest.
    connection.lock().await?;
    connection.ensure_migrations_table(TABLE).await?;
    if let Some(version) = connection.dirty_version(TABLE).await? {
        return Err(format!("migration {version} was begun but not finished; the schema needs a look").into());
    }
    let applied: HashMap<_, _> = connection
        .list_applied_migrations(TABLE)
        .await?
        .into_iter()
        .map(|migration| (migration.version, migration.checksum))
        .collect();

    let mut count = 0;
    for migration in migrations() {
        match applied.get(&migration.version) {
            Some(checksum) if *checksum == migration.checksum => {}
            Some(_) => {
                return Err(format!("migration {} was applied from another text", migration.version).into());
            }
            None => {
                apply(&mut connection, &migration).await?;
                count += 1;
            }
        }
    }
    connection.unlock().await?;
    connection.close().await?;

    let version = versions().into_iter().chain(applied.into_keys()).max();
    tracing::info!(count, version, "migrated");
    Ok(())
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Outcome {
    let Migration { version, description, .. } = migration;
    let took = connection.apply(TABLE, migration).await?;
    tracing::info!(version, %description, duration_ms = took.as_secs_f64() * 1e3, "applied a migration");
    Ok(())
}

/// A connection without a statement time-out: migrations take as long as they take.
async fn connect(config: DatabaseConfig) -> Result<PgConnection, String> {
    let limit: Duration = config.acquire_timeout;
    match timeout(limit, database::options(config.url.reveal()).connect()).await {
        Ok(connected) => connected.map_err(|error| format!("cannot connect to the database: {error}")),
        Err(_) => Err(format!("cannot connect to the database: no answer within {limit:?}")),
    }
}

fn migrations() -> impl Iterator<Item = Migration> {
    MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_list_is_the_folder_in_order() {
        let mut files: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<_> =
            MIGRATIONS.iter().map(|(version, name, _)| format!("{version:04}_{name}.sql")).collect();
        assert_eq!(listed, files);
    }
}
