//! Tells all processes what this one changed.
//!
//! After the commit rather than in it, where a trigger does it for everyone else: PostgreSQL lets only one transaction
//! that announces something commit at a time, its wait for the disk included, which would cost all writers but one.
//! What cannot be told is told as anything. Only a process that is killed in the instant in between says nothing.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{self, Notify},
    time::sleep,
};

use super::change::Change;
use crate::database::{Database, DatabaseError};

/// So many changes at once are told as anything.
const MOST: usize = 1000;

/// What changes so soon after it was told of others is told together: each telling is a transaction of its own.
const TOGETHER: Duration = Duration::from_millis(5);

/// How long to wait when the database cannot be told.
const PAUSE: Duration = Duration::from_millis(500);

// Not worth a wait for the disk: if the database crashes, everyone reads the list again anyway.
const ANNOUNCE: &str = "SELECT set_config('synchronous_commit', 'off', true), pg_notify('todos', payload) \
                        FROM unnest($1::text[]) AS payload";

/// Every clone is the same.
#[derive(Clone)]
pub(crate) struct Announcer(Arc<Shared>);

struct Shared {
    database: Database,
    untold: Mutex<Vec<Change>>,
    wake: Notify,
    /// One at a time, so that a flush also waits for what is under way.
    telling: sync::Mutex<()>,
}

/// A write whose outcome is not known yet. Dropped like that, it may have changed anything.
pub(crate) struct Unknown<'a>(Option<&'a Announcer>);

impl Announcer {
    /// Starts to tell through this database.
    pub(crate) fn start(database: Database) -> Self {
        let shared = Shared {
            database,
            untold: Mutex::default(),
            wake: Notify::new(),
            telling: sync::Mutex::default(),
        };
        let announcer = Self(Arc::new(shared));
        tokio::spawn(announcer.clone().run());
        announcer
    }

    /// To be called before a write.
    pub(crate) fn unknown(&self) -> Unknown<'_> {
        Unknown(Some(self))
    }

    /// Tells what is left to tell.
    pub(crate) async fn flush(&self) -> Result<(), DatabaseError> {
        let _one = self.0.telling.lock().await;
        let changes = mem::take(&mut *self.untold());
        if changes.is_empty() {
            return Ok(());
        }
        let payloads: Vec<_> = changes.iter().map(Change::payload).collect();
        let query = sqlx::query(ANNOUNCE).bind(payloads);
        let told = self.0.database.run(async |connection| query.execute(connection).await).await;
        if told.is_err() {
            // The order does not matter any more.
            self.add(Change::Anything);
        }
        told.map(drop)
    }

    async fn run(self) {
        loop {
            self.0.wake.notified().await;
            while let Err(error) = self.flush().await {
                tracing::debug!(reason = %error, "changes are not announced yet");
                sleep(PAUSE).await;
            }
            sleep(TOGETHER).await;
        }
    }

    fn add(&self, change: Change) {
        let mut untold = self.untold();
        if change == Change::Anything || untold.len() >= MOST {
            *untold = vec![Change::Anything];
        } else if untold.first() != Some(&Change::Anything) {
            untold.push(change);
        }
        drop(untold);
        self.0.wake.notify_one();
    }

    fn untold(&self) -> MutexGuard<'_, Vec<Change>> {
        self.0.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unknown<'_> {
    /// The write did this.
    pub(crate) fn did(mut self, change: Change) {
        if let Some(announcer) = self.0.take() {
            announcer.add(change);
        }
    }

    /// The write did nothing.
    pub(crate) fn did_nothing(mut self) {
        self.0 = None;
    }
}

impl Drop for Unknown<'_> {
    fn drop(&mut self) {
        if let Some(announcer) = self.0.take() {
            announcer.add(Change::Anything);
        }
    }
}
