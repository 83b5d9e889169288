//! PostgreSQL as an attached resource: a pool of connections, each use of which is bounded in time.
//!
//! What `DATABASE_URL` names can be another database tomorrow, or be away for a while: the pool connects when it is asked
//! to, says why it cannot within `DATABASE_ACQUIRE_TIMEOUT`, and takes up where it was when the database is back.

pub mod check;
mod config;
mod connect;
mod connection;
mod connections;
mod error;
mod failure;
mod figures;
mod options;
mod pool;
mod ready;
pub(crate) mod schema;
pub(crate) mod session;
mod tls;
mod url;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use self::connections::Connections;
pub use self::{
    config::DatabaseConfig,
    connection::{Connection, Parameters},
    error::DatabaseError,
    failure::StatementError,
};
pub(crate) use self::{
    connect::{Connected, connect},
    options::ConnectOptions,
};
use crate::{Identity, migration::Migration, web::Web, worker::Worker};

/// How much longer than the server the client waits for a statement: the server's own answer says more.
const GRACE: Duration = Duration::from_millis(200);

/// After how long a silent client is dead to the server, which then ends what the client began. In seconds.
const SERVER_PATIENCE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];

/// A prepared statement is planned once per connection, with what is known of its tables then. A plan that was made while a
/// table was empty, as an outbox mostly is, goes through the whole table each time, until the table is analyzed; all that a
/// service asks for has an index, in the triggers, too. Without JIT: such a plan seems to cost more than it does.
const BY_INDEX: [(&str, &str); 2] = [("enable_seqscan", "off"), ("jit", "off")];

/// A worker's statements join tables that may be empty when it starts. A plan for empty tables joins them by going through
/// an index from end to end for each row. There are few such statements, so each is planned every time.
const ANEW: (&str, &str) = ("plan_cache_mode", "force_custom_plan");

/// A pool of connections, opened when they are needed; every clone is the same.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    connections: Connections,
    limit: Duration,
    /// The longest that the server lets a statement take.
    statement_timeout: Duration,
}

impl Database {
    /// A part of a web process, which is ready only while this has all of these migrations.
    ///
    /// Each statement is to have an index: a whole table is read only where there is no other way.
    pub fn of_web(web: &mut Web, config: DatabaseConfig, migrations: &'static [Migration]) -> Self {
        web.holds_open(usize::try_from(config.max_connections).unwrap_or(usize::MAX));
        let database = Self::connect_lazily(web.service(), config, BY_INDEX);
        // It is asked as soon as it listens whether it is ready.
        database.0.connections.open_ahead();
        figures::register(web.metrics(), &database);
        let asked = database.clone();
        web.ready_when(move || {
            let asked = asked.clone();
            async move { ready::ask(&asked, migrations).await }
        });
        let closed = database.clone();
        web.at_end(async move { closed.close().await });
        database
    }

    /// A part of a worker process.
    ///
    /// Each statement is to have an index: a whole table is read only where there is no other way.
    pub fn of_worker(worker: &mut Worker, config: DatabaseConfig) -> Self {
        let settings = BY_INDEX.into_iter().chain([ANEW]);
        let database = Self::connect_lazily(worker.service(), config, settings);
        let closed = database.clone();
        worker.at_end(async move { closed.close().await });
        database
    }

    /// For a one-off process.
    pub fn of_one_off(service: Identity, config: DatabaseConfig) -> Self {
        Self::connect_lazily(service, config, [])
    }

    /// Waits for no connection: a service starts without its database, too.
    fn connect_lazily<'a>(
        service: Identity,
        config: DatabaseConfig,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let DatabaseConfig { url, max_connections, acquire_timeout, statement_timeout, settings: own } =
            config;
        // Zero would switch it off.
        let at_most = format!("{}ms", statement_timeout.as_millis().max(1));
        // What a lost client leaves in the middle would hold its locks.
        let between_statements = ("idle_in_transaction_session_timeout", &*at_most);
        let mark = session::Mark::of(service);
        let options = connect::options(service, &mark, url.reveal())
            .with_settings([("statement_timeout", &*at_most), between_statements])
            .with_settings(SERVER_PATIENCE)
            .with_settings(settings)
            .with_settings(own.iter().map(|(name, value)| (&**name, &**value)));
        let connections = Connections::new(options, mark, max_connections, acquire_timeout);
        Self(Arc::new(Shared { connections, limit: statement_timeout + GRACE, statement_timeout }))
    }

    /// Runs one statement, or one transaction. Its connection is closed, not reused, if there is no answer in time.
    pub async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&Connection) -> Result<T, StatementError>,
    ) -> Result<T, DatabaseError> {
        let held = self.0.connections.acquire().await.map_err(DatabaseError::Unavailable)?;
        let result = timeout(self.0.limit, statement(held.item()))
            .await
            .map_err(|_| DatabaseError::Unavailable("no answer in time".into()))?;
        // The server has said its last word, or refuses to.
        match &result {
            Ok(_) => held.give_back(),
            Err(error) if error.refusal().is_some() => connections::clear_up(held, self.0.limit),
            Err(_) => drop(held),
        }
        result.map_err(DatabaseError::from)
    }

    /// How its connections are made.
    pub(crate) fn options(&self) -> ConnectOptions {
        self.0.connections.options().clone()
    }

    /// The longest that the server lets a statement take.
    pub(crate) fn statement_timeout(&self) -> Duration {
        self.0.statement_timeout
    }

    /// How many connections there are, and how many of them are idle.
    fn connections(&self) -> (i64, i64) {
        let (all, idle) = self.0.connections.count();
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        (number(all), number(idle))
    }

    /// How many there may be.
    fn max_connections(&self) -> i64 {
        i64::try_from(self.0.connections.most()).unwrap_or(i64::MAX)
    }

    /// Closes the connections that are idle; the others close when they are returned. Politeness to the database, no more:
    /// they end with the process anyway.
    pub async fn close(&self) {
        self.0.connections.close().await;
    }
}
