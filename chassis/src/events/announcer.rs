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
use crate::database::{Connection, Database, DatabaseError};

/// So many changes at once are told as anything.
const MOST: usize = 1000;

/// What changes so soon after it was told of others is told together: each telling is a transaction of its own.
const TOGETHER: Duration = Duration::from_millis(5);

/// How long to wait when the database cannot be told.
const PAUSE: Duration = Duration::from_millis(500);

// Not worth a wait for the disk: if the database crashes, everyone reads the list again anyway.
const ANNOUNCE: &str = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($2, payload) \
                        FROM unnest($1::text[]) AS payload";

/// Every clone is the same.
pub(super) struct Announcer<C>(Arc<Shared<C>>);

impl<C> Clone for Announcer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Shared<C> {
    database: Database,
    untold: Mutex<Vec<C>>,
    wake: Notify,
    /// One at a time, so that a flush also waits for what is under way.
    telling: sync::Mutex<()>,
}

/// A write whose outcome is not known yet. Dropped like that, it may have changed anything.
#[must_use]
pub struct Unknown<'a, C: Change>(Option<&'a Announcer<C>>);

impl<C: Change> Announcer<C> {
    /// Starts to tell through this database.
    pub(super) fn start(database: Database) -> Self {
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
    pub(super) fn unknown(&self) -> Unknown<'_, C> {
        Unknown(Some(self))
    }

    /// Tells what is left to tell.
    pub(super) async fn flush(&self) -> Result<(), DatabaseError> {
        let _one = self.0.telling.lock().await;
        let changes = mem::take(&mut *self.untold());
        if changes.is_empty() {
            return Ok(());
        }
        let payloads: Vec<_> = changes.iter().map(C::payload).collect();
        let announce =
            async |connection: &Connection| connection.execute(ANNOUNCE, &[&payloads, &C::CHANNEL]).await;
        let told = self.0.database.run(announce).await;
        if told.is_err() {
            // The order does not matter any more.
            self.add(C::ANYTHING);
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

    fn add(&self, change: C) {
        let mut untold = self.untold();
        if change == C::ANYTHING || untold.len() >= MOST {
            *untold = vec![C::ANYTHING];
        } else if untold.first() != Some(&C::ANYTHING) {
            untold.push(change);
        }
        drop(untold);
        self.0.wake.notify_one();
    }

    fn untold(&self) -> MutexGuard<'_, Vec<C>> {
        self.0.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Change> Unknown<'_, C> {
    /// The write did this.
    pub fn did(mut self, change: C) {
        if let Some(announcer) = self.0.take() {
            announcer.add(change);
        }
    }

    /// The write did nothing.
    pub fn did_nothing(mut self) {
        self.0 = None;
    }
}

impl<C: Change> Drop for Unknown<'_, C> {
    fn drop(&mut self) {
        if let Some(announcer) = self.0.take() {
            announcer.add(C::ANYTHING);
        }
    }
}
