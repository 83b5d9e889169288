//! Whether a connection is a session, which lasts.
//!
//! Behind a pooler that lends a server's connections to its clients by the transaction, as `PgBouncer` can, it is none: the
//! settings that come with it are lost, and so are its time-outs; prepared statements clash, LISTEN hears nothing, and an
//! advisory lock keeps nobody out. While one client is alone, much of that seems to work.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::{Connection, StatementError, options::ConnectOptions};
use crate::Identity;

/// What the mark is set to.
const LASTS: &str = "lasts";

/// A setting that comes with each connection as its other settings do: where it is missing, they are, too.
#[derive(Clone)]
pub(crate) struct Mark(Arc<str>);

/// What is wrong with a connection that is none.
pub(crate) const SHARED: &str = "DATABASE_URL leads to a pooler that shares PostgreSQL's connections between its clients, \
     such as PgBouncer in transaction mode, and no session lasts there";

/// What is wrong with one without its settings, whether it lasts or not.
pub(crate) const UNSET: &str = "DATABASE_URL leads to a pooler, such as PgBouncer, that does not pass on a connection's \
     settings, which the service needs";

/// What to do about either.
pub(crate) const UNPOOLED: &str = "let DATABASE_URL name PostgreSQL itself; each process has a pool of its own, bounded by \
     DATABASE_MAX_CONNECTIONS";

/// Which of the server's processes answers.
const PROCESS: &str = "pg_backend_pid()";

/// How long the proof may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Mark {
    /// Named after the service, whose setting it is.
    pub(crate) fn of(service: Identity) -> Self {
        Self(format!("{}.session", service.identifier()).into())
    }

    pub(super) fn setting(&self) -> (&str, &'static str) {
        (&self.0, LASTS)
    }

    /// Whether the settings that came with this connection hold.
    pub(crate) async fn is_on(&self, connection: &Connection) -> Result<bool, StatementError> {
        self.look(connection, PROCESS).await.map(|(is_on, _)| is_on)
    }

    /// What is wrong with this connection, if anything is: it is tried with another one, as no two sessions have the same
    /// process of the server.
    pub(crate) async fn fault(
        &self,
        connection: &Connection,
        options: &ConnectOptions,
    ) -> Result<Option<&'static str>, StatementError> {
        let proof = async {
            let (is_on, process) = self.look(connection, PROCESS).await?;
            if !is_on {
                return Ok(Some(UNSET));
            }
            let other = options.connect().await?;
            // A pooler lends it a process for as long as the transaction takes: ours, or the next one that we get is another.
            other.begin().await?;
            let alone = self.look(&other, PROCESS).await?.1 != process
                && self.look(connection, PROCESS).await?.1 == process;
            other.close().await;
            Ok((!alone).then_some(SHARED))
        };
        let too_late = |_| Err(StatementError::other(format!("no answer within {PATIENCE:?}")));
        timeout(PATIENCE, proof).await.unwrap_or_else(too_late)
    }

    /// Whether the mark is there, and the value of an expression of SQL. No prepared statement asks for it: behind a pooler,
    /// another client may have one of the same name.
    pub(crate) async fn look(
        &self,
        connection: &Connection,
        expression: &str,
    ) -> Result<(bool, String), StatementError> {
        let look = format!("SELECT current_setting('{}', true), {expression}", self.0);
        for message in connection.client().simple_query(&look).await? {
            if let SimpleQueryMessage::Row(row) = message {
                return Ok((row.try_get(0)? == Some(LASTS), row.try_get(1)?.unwrap_or_default().to_owned()));
            }
        }
        Err(StatementError::other("no row came of it"))
    }
}

/// Whether this is a pooler that lets no settings in.
pub(super) fn refuses_settings(error: &StatementError) -> bool {
    error.refusal().is_some_and(|refusal| refusal.message().contains("startup parameter"))
}
