//! Migrations: the one-off process that brings a database's schema up to date, and tells where it stands.
//!
//! ```
//! use chassis::{Identity, Service, migrate::{self, Migration}};
//!
//! const MIGRATIONS: &[Migration] =
//!     &[Migration::new(1, "pets", "CREATE TABLE pets (name text PRIMARY KEY)")];
//!
//! let identity = Identity::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
//! let service = Service::new(identity, "Keeps pets").migration(migrate::process(MIGRATIONS));
//! # let _ = service;
//! ```

mod failed;
mod place;

use std::{pin::pin, time::Instant};

use clap::Args;
use futures_util::TryStreamExt;
use tokio_postgres::SimpleQueryMessage;

use self::failed::Failed;
pub use crate::migration::Migration;
use crate::{
    Identity, OneOff, Outcome,
    database::{
        self, Connected, Connection, DatabaseConfig, StatementError,
        schema::{Place, SchemaStatus, ledger, status},
        session,
    },
    log::millis,
    migration,
};

/// How far to go.
#[derive(Args)]
struct Arguments {
    /// Tell which migrations are in and which are to come, and change nothing
    #[arg(long)]
    status: bool,
    /// Go up to this version and no further
    #[arg(long, value_name = "VERSION", conflicts_with = "status")]
    to: Option<i64>,
}

/// The one-off process `migrate`, for these migrations: every one that there is, oldest first.
pub fn process(migrations: &'static [Migration]) -> OneOff {
    let process = OneOff::new(
        "migrate",
        "Bring the database's schema up to date; safe to run at any time, also twice at once",
        DatabaseConfig::read_for_one_off,
        async move |service, Arguments { status, to }, config| {
            if status {
                tell_status(service, config, migrations).await
            } else {
                run(service, config, migrations, to).await
            }
        },
    );
    process
        .with_argument("to", |to| to.value_parser(move |text: &str| migration::known(migrations, text)))
        .with_migrations(migration::digest_of(migrations))
}

/// Applies what is missing, up to this version if one is given. A database that is newer than this binary is left as it
/// is.
async fn run(
    service: Identity,
    config: DatabaseConfig,
    migrations: &[Migration],
    to: Option<i64>,
) -> Outcome {
    // Without a statement time-out: migrations take as long as they take.
    let Connected { connection, options, mark } = database::connect(service, config).await?;
    // Without one, the lock below keeps nobody out, and the service that is to come does not work.
    if let Some(fault) = mark.fault(&connection, &options).await.map_err(|error| asked(&error))? {
        return Err(format!("cannot migrate: {fault}. {}", session::UNPOOLED).into());
    }
    ledger::lock(&connection).await.map_err(|error| asked(&error))?;
    ledger::make(&connection).await.map_err(|error| asked(&error))?;
    let applied = ledger::applied(&connection).await.map_err(|error| asked(&error))?;
    if let Some((version, _)) = applied.iter().find(|(_, entry)| !entry.success) {
        return Err(format!("migration {version} was begun but not finished; the schema needs a look").into());
    }
    if let Some(to) = to {
        refuse_going_back(to, applied.keys().next_back().copied())?;
    }

    let mut count = 0;
    let mut version = applied.keys().next_back().copied();
    for migration in migrations.iter().take_while(|it| to.is_none_or(|to| it.version() <= to)) {
        match applied.get(&migration.version()) {
            Some(entry) if entry.checksum == migration.checksum() => {}
            Some(_) => {
                return Err(format!("migration {} was applied from another text", migration.version()).into());
            }
            None => {
                apply(&connection, migration).await?;
                version = version.max(Some(migration.version()));
                count += 1;
            }
        }
    }
    connection.close().await;

    tracing::info!(count, version, "migrated");
    Ok(())
}

/// Logs the status of each migration, and changes nothing. Fails if `run` would refuse to work on that.
async fn tell_status(service: Identity, config: DatabaseConfig, migrations: &[Migration]) -> Outcome {
    let Connected { connection, .. } = database::connect(service, config).await?;
    let migrations = status(&connection, migrations)
        .await
        .map_err(|error| format!("cannot read which migrations are in: {error}"))?;
    connection.close().await;

    for SchemaStatus { version, description, place } in &migrations {
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

async fn apply(connection: &Connection, migration: &Migration) -> Outcome {
    let (version, description) = (migration.version(), migration.name());
    let began = Instant::now();
    connection.begin().await.map_err(|error| asked(&error))?;
    let mut done = 0;
    each_statement(connection, migration.sql(), || done += 1)
        .await
        .map_err(|error| Failed::new(migration, done, &error))?;
    ledger::note(connection, migration).await.map_err(|error| asked(&error))?;
    connection.commit().await.map_err(|error| asked(&error))?;
    let duration_ms = millis(began.elapsed());
    tracing::info!(version, description, duration_ms, "applied a migration");
    Ok(())
}

/// Runs statements, and calls this after each.
async fn each_statement(
    connection: &Connection,
    sql: &str,
    mut done: impl FnMut(),
) -> Result<(), StatementError> {
    let mut messages = pin!(connection.client().simple_query_raw(sql).await?);
    while let Some(message) = messages.try_next().await? {
        if matches!(message, SimpleQueryMessage::CommandComplete(_)) {
            done();
        }
    }
    Ok(())
}

fn asked(error: &StatementError) -> String {
    format!("cannot migrate: {error}")
}
