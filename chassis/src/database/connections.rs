//! The pool.
//!
//! Not sqlx's, which asks a connection whether it is well when it is returned, and again before it is used: three round
//! trips for each statement, of which a busy service needs one.

use std::time::Duration;

use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, WeakPool,
};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Reason,
    session::{self, Mark},
};

/// How long an unused connection is kept, and how often to look for such.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
const CLEAR_EVERY: Duration = Duration::from_mins(1);

/// How long any connection is kept, so that the load moves to where it should after a failover.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// So soon after its last use a connection is not asked whether it still is one. Shorter than any restart of a database,
/// which therefore goes by unnoticed; long enough for a service under load, whose connections do not wait.
const FRESH: Duration = Duration::from_millis(2);

/// How long to wait for a connection to be closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections; every clone has the same.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool<Connector>,
    mark: Mark,
    acquire_timeout: Duration,
}

/// Makes connections, and sorts out those that no longer are.
pub(super) struct Connector {
    options: PgConnectOptions,
    most: u32,
    test_limit: Duration,
}

pub(super) struct Pooled {
    connection: PgConnection,
    last_used: Instant,
}

/// A connection that is closed when dropped, as happens when a request is given up in the middle of a statement: its
/// answer may never come, if the network swallows it.
#[derive(Default)]
pub(super) struct Lease(Option<Held>);

/// A connection out of the pool.
pub(super) type Held = Object<Connector>;

impl Connections {
    /// Connects later, on first use.
    pub(super) fn new(options: PgConnectOptions, mark: Mark, most: u32, acquire_timeout: Duration) -> Self {
        // Of a connection on a network that is gone nobody hears; half of the time is for a new one.
        let connector = Connector { options, most, test_limit: acquire_timeout / 2 };
        let mut config = PoolConfig::new(usize::try_from(most).unwrap_or(usize::MAX));
        // The one that was used last is the freshest, and the others may become idle.
        config.queue_mode = QueueMode::Lifo;
        let pool: Pool<Connector> = Pool::builder(connector)
            .config(config)
            .build()
            .expect("it has no time limits, which alone need a runtime");
        tokio::spawn(clear_away(pool.weak()));
        Self { pool, mark, acquire_timeout }
    }

    /// Takes one, or says why there is none.
    pub(super) async fn acquire(&self) -> Result<Held, String> {
        match timeout(self.acquire_timeout, self.pool.get()).await {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(PoolError::Backend(error))) if session::refuses_settings(&error) => {
                Err(session::UNSET.into())
            }
            Ok(Err(PoolError::Backend(error))) => Err(Reason(&error).to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no connection within {:?}", self.acquire_timeout)),
        }
    }

    pub(super) fn mark(&self) -> &Mark {
        &self.mark
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.pool.manager().options
    }

    /// How many there are, and how many of them are idle.
    pub(super) fn count(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available.min(status.size))
    }

    pub(super) fn most(&self) -> u32 {
        self.pool.manager().most
    }

    /// Gives no more away, and closes those that are idle.
    pub(super) async fn close(&self) {
        let idle = self.pool.retain(|_, _| false).removed;
        self.pool.close();
        close(idle).await;
    }
}

impl Lease {
    pub(super) fn hold(&mut self, held: Held) -> &mut PgConnection {
        &mut self.0.insert(held).connection
    }

    /// Back to the pool: the statement was answered to its end.
    pub(super) fn give_back(mut self) {
        if let Some(mut held) = self.0.take() {
            held.last_used = Instant::now();
        }
    }

    /// Back to the pool, once it is out of the transaction that a refused statement may leave behind.
    pub(super) fn clear_up(mut self, limit: Duration) {
        tokio::spawn(async move {
            let Some(held) = &mut self.0 else { return };
            if matches!(timeout(limit, held.connection.ping()).await, Ok(Ok(()))) {
                self.give_back();
            }
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

impl Manager for Connector {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> sqlx::Result<Pooled> {
        Ok(Pooled { connection: self.options.connect().await?, last_used: Instant::now() })
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() > MAX_LIFETIME {
            return Err(RecycleError::message("it is old"));
        }
        if pooled.last_used.elapsed() > FRESH {
            let alive = timeout(self.test_limit, pooled.connection.ping()).await;
            alive.map_err(|_| RecycleError::message("it does not answer"))??;
        }
        Ok(())
    }
}

/// Closes what was idle for long, for as long as there is a pool.
async fn clear_away(pool: WeakPool<Connector>) {
    loop {
        sleep(CLEAR_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        close(pool.retain(|pooled, _| pooled.last_used.elapsed() < IDLE_TIMEOUT).removed).await;
    }
}

/// Takes leave of the server, for as long as it listens.
async fn close(idle: Vec<Pooled>) {
    for pooled in idle {
        let _ = timeout(PATIENCE, pooled.connection.close()).await;
    }
}
