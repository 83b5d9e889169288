//! Brings the database's schema up to date, and tells where it stands.

mod list;
mod standing;

use std::collections::HashMap;

use sqlx::{
    Connection, PgConnection,
    migrate::{Migrate, Migration},
};

use crate::{Outcome, config::DatabaseConfig, database};

pub(crate) use self::{
    list::{known, versions},
    standing::{Place, Standing, standing},
};

/// Where the applied migrations are remembered.
const TABLE: &str = "_sqlx_migrations";

/// Applies what is missing, up to this version if one is given. A database that is newer than this binary is left as it
/// is.
pub(crate) async fn run(config: DatabaseConfig, to: Option<i64>) -> Outcome {
    // Without a statement time-out: migrations take as long as they take.
    let mut connection = database::connect(config, &[]).await?;
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
    if let Some(to) = to {
        refuse_going_back(to, applied.keys().copied().max())?;
    }

    let mut count = 0;
    let mut version = applied.keys().copied().max();
    for migration in list::migrations().take_while(|migration| to.is_none_or(|to| migration.version <= to)) {
        match applied.get(&migration.version) {
            Some(checksum) if *checksum == migration.checksum => {}
            Some(_) => {
                return Err(format!("migration {} was applied from another text", migration.version).into());
            }
            None => {
                apply(&mut connection, &migration).await?;
                version = version.max(Some(migration.version));
                count += 1;
            }
        }
    }
    connection.unlock().await?;
    connection.close().await?;

    tracing::info!(count, version, "migrated");
    Ok(())
}

/// Tells of each migration where it stands, and changes nothing. Fails if `run` would refuse to work on that.
pub(crate) async fn status(config: DatabaseConfig) -> Outcome {
    let mut connection = database::connect(config, &[]).await?;
    let migrations = standing(&mut connection)
        .await
        .map_err(|error| format!("cannot read which migrations are in: {error}"))?;
    connection.close().await?;

    for Standing { version, description, place } in &migrations {
        match place {
            Place::Applied(at) => tracing::info!(version, %description, %at, "applied"),
            Place::ToCome => tracing::info!(version, %description, "to come"),
            Place::Newer(at) => tracing::info!(version, %description, %at, "applied by a newer binary"),
            Place::Unfinished => tracing::error!(version, %description, "begun but not finished"),
            Place::OtherText(at) => tracing::error!(version, %description, %at, "applied from another text"),
        }
    }
    let refused: Vec<_> = migrations.iter().filter(|migration| migration.place.is_refused()).collect();
    match refused.first() {
        None => Ok(()),
        Some(first) => {
            Err(format!("`migrate` would stop at {}: the schema needs a look", first.version).into())
        }
    }
}

/// There is no way down, and nothing would be won by pretending that there was.
fn refuse_going_back(to: i64, at: Option<i64>) -> Result<(), String> {
    match at {
        Some(at) if at > to => Err(format!(
            "cannot go back to version {to}: the database is at {at}, and migrations have no way down. An older \
             release works on a newer schema, so run that one; to undo what a migration did, write a new one, or \
             restore a backup"
        )),
        Some(_) | None => Ok(()),
    }
}

async fn apply(connection: &mut PgConnection, migration: &Migration) -> Outcome {
    let Migration { version, description, .. } = migration;
    let took = connection.apply(TABLE, migration).await?;
    tracing::info!(version, %description, duration_ms = took.as_secs_f64() * 1e3, "applied a migration");
    Ok(())
}
