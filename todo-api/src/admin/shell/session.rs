//! What the shell's functions share: the way to the database, in which nothing is changed unless that was asked for.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    time::Duration,
};

use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::{runtime::Handle, time::timeout};

use super::{
    interrupts::Interrupts,
    sql::{self, Answer, MOST},
};
use crate::{
    config::DatabaseConfig,
    database::{Database, Reason},
};

/// The longest that a statement of a person may take, and a transaction may be left open.
const PATIENCE: &str = "60s";

/// How long a statement may take to end that was told to.
const GRACE: Duration = Duration::from_secs(5);

/// What ended what was being done.
pub(super) const INTERRUPTED: &str = "interrupted";

pub(super) struct Session {
    runtime: Handle,
    database: Database,
    options: PgConnectOptions,
    connect_limit: Duration,
    /// For `sql`: one and the same, so that what is set in it stays. Opened again if it broke.
    connection: Cell<Option<Open>>,
    pub(super) interrupts: Interrupts,
    pub(super) writes: bool,
    /// The columns of the latest answer, in its order.
    columns: RefCell<Vec<String>>,
}

struct Open {
    connection: PgConnection,
    /// The process that serves it.
    backend: i32,
}

impl Session {
    pub(super) fn open(
        runtime: Handle,
        config: DatabaseConfig,
        writes: bool,
        interrupts: Interrupts,
    ) -> Result<Self, String> {
        let connect_limit = config.acquire_timeout;
        // For what the models do. What a person writes is held to it by more than a setting: see `sql`.
        let read_only = ("default_transaction_read_only", if writes { "off" } else { "on" });
        let database = Database::of_one_off(config, &[read_only]);
        let options = database
            .options()
            .options([("statement_timeout", PATIENCE), ("idle_in_transaction_session_timeout", PATIENCE)]);
        let session = Self {
            runtime,
            database,
            options,
            connect_limit,
            connection: Cell::default(),
            interrupts,
            writes,
            columns: RefCell::default(),
        };
        session.connection.set(Some(session.runtime.block_on(session.connect())?));
        Ok(session)
    }

    /// The database and its user, for people.
    pub(super) fn place(&self) -> Result<String, String> {
        match self.sql("SELECT current_database() || ' as ' || current_user AS place")? {
            Answer::Rows { rows, .. } => {
                Ok(rows.first().and_then(|row| row.get("place")).map(ToString::to_string).unwrap_or_default())
            }
            Answer::Done(_) | Answer::TooMany => Ok(String::new()),
        }
    }

    /// Does something with the models.
    pub(super) fn work<T, E: ToString>(
        &self,
        work: impl AsyncFnOnce(&Database) -> Result<T, E>,
    ) -> Result<T, String> {
        self.runtime.block_on(async {
            tokio::select! {
                done = work(&self.database) => done.map_err(|error| self.explain(&error.to_string())),
                () = self.interrupts.hit() => Err(INTERRUPTED.into()),
            }
        })
    }

    /// Runs one statement.
    pub(super) fn sql(&self, text: &str) -> Result<Answer, String> {
        let answer = self.runtime.block_on(self.query(text))?;
        if let Answer::Rows { columns, .. } = &answer {
            self.columns.replace(columns.clone());
        }
        Ok(answer)
    }

    /// The columns of the latest answer.
    pub(super) fn columns(&self) -> Vec<String> {
        self.columns.borrow().clone()
    }

    async fn query(&self, text: &str) -> Result<Answer, String> {
        let mut open = match self.connection.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let done = {
            let mut query = pin!(sql::run(&mut open.connection, text, self.writes));
            tokio::select! {
                done = &mut query => done,
                () = self.interrupts.hit() => {
                    self.cancel(open.backend).await;
                    timeout(GRACE, query).await.map_err(|_| INTERRUPTED)?
                }
            }
        };
        match done {
            Ok(Answer::TooMany) => Err(format!(
                "there are more than {MOST} rows: add a LIMIT (what was set in the connection is lost)"
            )),
            Ok(answer) => {
                self.connection.set(Some(open));
                Ok(answer)
            }
            Err(sqlx::Error::Database(error)) => {
                self.connection.set(Some(open));
                let at = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(sql::place);
                let at = at.map(|place| format!(" (at character {place})")).unwrap_or_default();
                Err(self.explain(&format!("{}{at}", error.message())))
            }
            Err(error) => Err(format!("{error} (what was set in the connection is lost)")),
        }
    }

    /// Tells the server that nobody waits for this any more.
    async fn cancel(&self, backend: i32) {
        let query = sqlx::query("SELECT pg_cancel_backend($1)").bind(backend);
        // The grace is over for the statement all the same.
        let _ = self.database.run(async |connection| query.execute(connection).await).await;
    }

    async fn connect(&self) -> Result<Open, String> {
        let limit = self.connect_limit;
        let opened = timeout(limit, async {
            let mut connection = self.options.connect().await?;
            let backend = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
            Ok::<_, sqlx::Error>(Open { connection, backend })
        });
        let why = match opened.await {
            Ok(Ok(open)) => return Ok(open),
            Ok(Err(error)) => Reason(&error).to_string(),
            Err(_) => format!("no answer within {limit:?}"),
        };
        Err(format!("cannot connect to the database: {why}; `check` tells more"))
    }

    fn explain(&self, why: &str) -> String {
        if !self.writes && why.contains("read-only transaction") {
            return format!("{why}; start the shell with --write to change things");
        }
        why.into()
    }
}
