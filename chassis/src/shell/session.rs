//! What a shell's functions share: the way to the database, in which nothing is changed unless that was asked for.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
    time::Duration,
};

use tokio::{runtime::Handle, time::timeout};

use super::{
    interrupts::Interrupts,
    sql::{self, Answer, MOST},
};
use crate::{
    Identity,
    database::{ConnectOptions, Connection, Database, DatabaseConfig, StatementError},
};

/// The longest that a statement of a person may take, and a transaction may be left open.
const PATIENCE: &str = "60s";

/// How long a statement may take to end that was told to.
const GRACE: Duration = Duration::from_secs(5);

/// What ended what was being done.
pub(super) const INTERRUPTED: &str = "interrupted";

/// The way to the database, for a [`Model`](super::Model); every clone is the same.
#[derive(Clone)]
pub struct Session(Rc<Shared>);

struct Shared {
    runtime: Handle,
    database: Database,
    options: ConnectOptions,
    connect_limit: Duration,
    /// For `sql`: one and the same, so that what is set in it stays. Opened again if it broke.
    connection: Cell<Option<Open>>,
    interrupts: Interrupts,
    writes: bool,
    /// The columns of the latest answer, in its order.
    columns: RefCell<Vec<String>>,
}

struct Open {
    connection: Connection,
    /// The process that serves it.
    backend: i32,
}

impl Session {
    pub(super) fn open(
        runtime: Handle,
        service: Identity,
        config: DatabaseConfig,
        writes: bool,
        interrupts: Interrupts,
    ) -> Result<Self, String> {
        let connect_limit = config.acquire_timeout;
        // For what the models do. What a person writes is held to it by more than a setting: see `sql`.
        let read_only = ("default_transaction_read_only", if writes { "off" } else { "on" });
        let database = Database::of_one_off(service, config.with_setting(read_only.0, read_only.1));
        let options = database.options().with_settings([
            ("statement_timeout", PATIENCE),
            ("idle_in_transaction_session_timeout", PATIENCE),
        ]);
        let session = Self(Rc::new(Shared {
            runtime,
            database,
            options,
            connect_limit,
            connection: Cell::default(),
            interrupts,
            writes,
            columns: RefCell::default(),
        }));
        session.0.connection.set(Some(session.0.runtime.block_on(session.connect())?));
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

    /// Does something with the database, unless it is interrupted.
    pub fn work<T, E: ToString>(
        &self,
        work: impl AsyncFnOnce(&Database) -> Result<T, E>,
    ) -> Result<T, String> {
        self.0.runtime.block_on(async {
            tokio::select! {
                done = work(&self.0.database) => done.map_err(|error| self.explain(&error.to_string())),
                () = self.0.interrupts.hit() => Err(INTERRUPTED.into()),
            }
        })
    }

    /// Runs one statement.
    pub(super) fn sql(&self, text: &str) -> Result<Answer, String> {
        let answer = self.0.runtime.block_on(self.query(text))?;
        if let Answer::Rows { columns, .. } = &answer {
            self.0.columns.replace(columns.clone());
        }
        Ok(answer)
    }

    pub(super) fn interrupts(&self) -> &Interrupts {
        &self.0.interrupts
    }

    /// Whether things may be changed.
    pub(super) fn writes(&self) -> bool {
        self.0.writes
    }

    /// The columns of the latest answer.
    pub(super) fn columns(&self) -> Vec<String> {
        self.0.columns.borrow().clone()
    }

    async fn query(&self, text: &str) -> Result<Answer, String> {
        let open = match self.0.connection.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let done = {
            let mut query = pin!(sql::run(&open.connection, text, self.0.writes));
            tokio::select! {
                done = &mut query => done,
                () = self.0.interrupts.hit() => {
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
                self.0.connection.set(Some(open));
                Ok(answer)
            }
            Err(error) => match error.refusal() {
                Some(refusal) => {
                    self.0.connection.set(Some(open));
                    let at = sql::place(refusal).map(|place| format!(" (at character {place})"));
                    Err(self.explain(&format!("{error}{}", at.unwrap_or_default())))
                }
                None => Err(format!("{error} (what was set in the connection is lost)")),
            },
        }
    }

    /// Tells the server that nobody waits for this any more.
    async fn cancel(&self, backend: i32) {
        const CANCEL: &str = "SELECT pg_cancel_backend($1)";
        // The grace is over for the statement all the same.
        let _ = self.0.database.run(async |connection| connection.execute(CANCEL, &[&backend]).await).await;
    }

    async fn connect(&self) -> Result<Open, String> {
        let limit = self.0.connect_limit;
        let opened = timeout(limit, async {
            let connection = self.0.options.connect().await?;
            let backend = connection.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
            Ok::<_, StatementError>(Open { connection, backend })
        });
        let why = match opened.await {
            Ok(Ok(open)) => return Ok(open),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {limit:?}"),
        };
        Err(format!("cannot connect to the database: {why}; `check` tells more"))
    }

    fn explain(&self, why: &str) -> String {
        if !self.0.writes && why.contains("read-only transaction") {
            return format!("{why}; start the shell with --write to change things");
        }
        why.into()
    }
}
