//! The connections of a process.

use std::time::Duration;

use tokio::{task::yield_now, time::timeout};

use super::{
    connection::Connection,
    options::ConnectOptions,
    pool::{Lease, Opener, Pool},
    session::{self, Mark},
};

/// So soon after its last use a connection is taken for well: those of a service under load do not wait.
const A_MOMENT: Duration = Duration::from_millis(2);

/// So soon after its last use a connection is not asked whether it still is one, which would double the time that a short
/// statement takes. That the server has closed it is seen without asking; what a network loses silently within this time
/// is lost to the statements under way, too. (`HikariCP` waits as long.)
const FRESH: Duration = Duration::from_millis(500);

/// The connections; every clone has the same.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool<Connector>,
    mark: Mark,
    acquire_timeout: Duration,
}

/// Opens connections, and finds those that no longer work.
pub(super) struct Connector {
    options: ConnectOptions,
    acquire_timeout: Duration,
}

/// A connection out of the pool.
pub(super) type Held = Lease<Connector>;

impl Connections {
    /// Connects later, on first use.
    pub(super) fn new(options: ConnectOptions, mark: Mark, most: u32, acquire_timeout: Duration) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { pool: Pool::new(Connector { options, acquire_timeout }, most), mark, acquire_timeout }
    }

    /// Connects now: the first one who asks does not wait.
    pub(super) fn open_ahead(&self) {
        self.pool.open_ahead();
    }

    /// Takes one, or says why there is none.
    pub(super) async fn acquire(&self) -> Result<Held, String> {
        timeout(self.acquire_timeout, self.pool.acquire()).await.unwrap_or_else(|_| {
            let why = self.pool.failure().map(|failure| format!(": {failure}")).unwrap_or_default();
            Err(format!("no connection within {:?}{why}", self.acquire_timeout))
        })
    }

    pub(super) fn mark(&self) -> &Mark {
        &self.mark
    }

    pub(super) fn options(&self) -> &ConnectOptions {
        &self.pool.opener().options
    }

    /// How many there are, and how many of them are idle.
    pub(super) fn count(&self) -> (usize, usize) {
        self.pool.count()
    }

    /// How many there may be.
    pub(super) fn most(&self) -> usize {
        self.pool.most()
    }

    /// Gives no more away, and closes those that are idle.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Back to the pool, once the transaction has ended that a refused statement may leave open.
pub(super) fn clear_up(held: Held, limit: Duration) {
    tokio::spawn(async move {
        if matches!(timeout(limit, held.item().clear_up()).await, Ok(Ok(()))) {
            held.give_back();
        }
    });
}

impl Opener for Connector {
    type Item = Connection;

    /// May take longer than a caller waits: the connection is there for the next one.
    async fn open(&self) -> Result<Connection, String> {
        let limit = 2 * self.acquire_timeout;
        match timeout(limit, self.options.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if session::refuses_settings(&error) => Err(session::UNSET.into()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    async fn is_well(&self, connection: &Connection, unused: Duration) -> bool {
        if unused > A_MOMENT {
            // Whatever has arrived on it meanwhile is read now, its end among it.
            yield_now().await;
        }
        // Of a connection on a network that is gone nobody hears; half of the time is for a new one.
        !connection.is_closed()
            && (unused <= FRESH
                || matches!(timeout(self.acquire_timeout / 2, connection.ping()).await, Ok(Ok(()))))
    }

    async fn close(&self, connection: Connection) {
        connection.close().await;
    }
}
