//! One connection, which keeps its statements prepared.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, future::try_join_all, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{AsyncMessage, Client, Row, RowStream, Statement, types::ToSql};

use super::StatementError;

/// How long to wait until the server has closed a connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// What stands for `$1`, `$2` and so on.
pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The notifications' payloads, until the connection ends; an error says why it did.
pub(crate) type Announcements = mpsc::UnboundedReceiver<Result<String, StatementError>>;

/// A connection to the database. Dropping it closes it, even if a statement is not answered yet.
///
/// Statements that are prepared before and awaited together are sent together (pipelined), and run in that order:
///
/// ```
/// use chassis::database::{Connection, StatementError};
/// use futures_util::{TryFutureExt, future::try_join4};
///
/// const TAKE: &str = "UPDATE pets SET food = food - 1 WHERE name = $1";
/// const GIVE: &str = "UPDATE pets SET food = food + 1 WHERE name = $1";
///
/// async fn share(connection: &Connection, from: &str, to: &str) -> Result<(), StatementError> {
///     let [take, give] = connection.prepare([TAKE, GIVE]).await?;
///     let client = connection.client();
///     try_join4(
///         connection.begin(),
///         client.execute(&take, &[&from]).err_into(),
///         client.execute(&give, &[&to]).err_into(),
///         connection.commit(),
///     )
///     .await
///     .map(drop)
/// }
/// # let _ = share;
/// ```
pub struct Connection {
    // Dropped first, so that the prepared statements are not closed one by one.
    client: Client,
    driver: Driver,
    prepared: Mutex<HashMap<Box<str>, Statement>>,
    /// How many statements to keep prepared.
    most: usize,
    in_transaction: AtomicBool,
}

/// The task that reads and writes. Dropping this ends it: by itself it waits for answers that may never come.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub(super) fn new<S, T>(
        client: Client,
        wire: tokio_postgres::Connection<S, T>,
        heard: Option<mpsc::UnboundedSender<Result<String, StatementError>>>,
        most: usize,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driver = Driver(tokio::spawn(drive(wire, heard)));
        Self { client, driver, prepared: Mutex::default(), most, in_transaction: AtomicBool::new(false) }
    }

    /// All rows.
    pub async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, StatementError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }

    /// The one row that there is.
    pub async fn query_one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, StatementError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_one(&statement, parameters).await?)
    }

    /// The row, if there is one.
    pub async fn query_opt(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, StatementError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_opt(&statement, parameters).await?)
    }

    /// One row after the other, for more than should be in memory at once.
    pub async fn query_raw(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<RowStream, StatementError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_raw(&statement, parameters.iter().copied()).await?)
    }

    /// The number of rows that were changed.
    pub async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, StatementError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    /// Prepares statements, each once in the life of the connection.
    pub async fn prepare<const N: usize>(&self, all: [&str; N]) -> Result<[Statement; N], StatementError> {
        let prepared = try_join_all(all.map(|sql| self.statement(sql))).await?;
        prepared.try_into().map_err(|_| StatementError::other("a statement that was prepared is missing"))
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<(), StatementError> {
        self.in_transaction.store(true, Ordering::Relaxed);
        Ok(self.client.batch_execute("BEGIN").await?)
    }

    /// Commits the transaction. After a refused statement PostgreSQL rolls it back instead, and gives no error here.
    pub async fn commit(&self) -> Result<(), StatementError> {
        self.end("COMMIT").await
    }

    /// Rolls the transaction back.
    pub async fn rollback(&self) -> Result<(), StatementError> {
        self.end("ROLLBACK").await
    }

    async fn end(&self, how: &str) -> Result<(), StatementError> {
        self.client.batch_execute(how).await?;
        self.in_transaction.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Listens to this channel.
    pub(crate) async fn listen(&self, channel: &str) -> Result<(), StatementError> {
        let name = channel.replace('"', "\"\"");
        Ok(self.client.batch_execute(&format!("LISTEN \"{name}\"")).await?)
    }

    /// The driver's own connection, for statements that are sent together.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes it ready for reuse after a refused statement, which may have left a transaction open.
    pub(super) async fn clear_up(&self) -> Result<(), StatementError> {
        if self.in_transaction.load(Ordering::Relaxed) { self.rollback().await } else { self.ping().await }
    }

    /// Whether the server answers.
    pub(crate) async fn ping(&self) -> Result<(), StatementError> {
        Ok(self.client.check_connection().await?)
    }

    /// Whether it is known to be closed.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Closes it in an orderly way, if the server answers in time.
    pub(crate) async fn close(self) {
        let Self { client, mut driver, .. } = self;
        drop(client);
        let _ = timeout(PATIENCE, &mut driver.0).await;
    }

    async fn statement(&self, sql: &str) -> Result<Statement, StatementError> {
        if let Some(statement) = self.prepared().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        let mut prepared = self.prepared();
        if prepared.len() >= self.most {
            prepared.clear();
        }
        if self.most > 0 {
            prepared.insert(sql.into(), statement.clone());
        }
        Ok(statement)
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads and writes until the connection is closed.
async fn drive<S, T>(
    mut wire: tokio_postgres::Connection<S, T>,
    heard: Option<mpsc::UnboundedSender<Result<String, StatementError>>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(|context| wire.poll_message(context));
    while let Some(message) = messages.next().await {
        let announced = match message {
            Ok(AsyncMessage::Notification(announced)) => Ok(announced.payload().to_owned()),
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::debug!(severity = notice.severity(), "the database says: {}", notice.message());
                continue;
            }
            Ok(_) => continue,
            Err(error) => Err(error.into()),
        };
        if let Some(heard) = &heard {
            let _ = heard.send(announced);
        }
    }
}
