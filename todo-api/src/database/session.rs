//! Whether a connection is a session, which lasts.
//!
//! Behind a pooler that lends a server's connections to its clients by the transaction, as `PgBouncer` can, it is none: the
//! settings that come with it are lost, and so are its time-outs; prepared statements clash, LISTEN hears nothing, and an
//! advisory lock keeps nobody out. While one client is alone, much of that seems to work.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions, raw_sql};
use tokio::time::timeout;

/// Comes with each connection as its other settings do: where it is missing, they are, too.
pub(super) const MARK: (&str, &str) = ("todo_api.session", "lasts");

/// What is wrong with a connection that is none.
pub(crate) const POOLED: &str = "DATABASE_URL leads to a pooler that shares PostgreSQL's connections between its clients, \
     such as PgBouncer in transaction mode, and no session lasts there";

/// What to do about that.
pub(crate) const UNPOOLED: &str = "let DATABASE_URL name PostgreSQL itself; each process has a pool of its own, bounded by \
     DATABASE_MAX_CONNECTIONS";

/// How long the proof may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the settings that came with this connection hold.
pub(crate) async fn lasts(connection: &mut PgConnection) -> sqlx::Result<bool> {
    look(connection).await.map(|(lasts, _)| lasts)
}

/// Proves it with another connection: no two sessions have the same process of the server.
pub(crate) async fn proves(connection: &mut PgConnection, options: &PgConnectOptions) -> sqlx::Result<bool> {
    let proof = async {
        let (lasts, process) = look(connection).await?;
        if !lasts {
            return Ok(false);
        }
        let mut other = options.connect().await?;
        // A pooler lends it a process for as long as the transaction takes: ours, or the next one that we get is another.
        other.execute("BEGIN").await?;
        let alone = look(&mut other).await?.1 != process && look(connection).await?.1 == process;
        other.close().await?;
        Ok(alone)
    };
    timeout(PATIENCE, proof).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Whether this is a pooler that lets no settings in.
pub(super) fn refuses_settings(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|refusal| refusal.message().contains("startup parameter"))
}

/// Whether the mark is there, and which of the server's processes answers. No prepared statement asks for it: behind a
/// pooler, another client may have one of the same name.
async fn look(connection: &mut PgConnection) -> sqlx::Result<(bool, i32)> {
    const LOOK: &str = "SELECT current_setting('todo_api.session', true), pg_backend_pid()";
    let row = raw_sql(LOOK).fetch_one(connection).await?;
    let mark: Option<String> = row.try_get(0)?;
    Ok((mark.as_deref() == Some(MARK.1), row.try_get(1)?))
}
