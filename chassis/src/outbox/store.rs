//! What is still to be told, in the database.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Outbox;
use crate::database::{Connection, Database, DatabaseError, StatementError};

/// How many events are claimed at once.
pub(super) const BATCH: usize = 16;

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// The oldest event of each subject, if its time has come. It is this worker's for half a minute, longer than a delivery
/// can take; should the worker die, it is anybody's afterwards.
fn claim(Outbox { subject, data }: Outbox) -> String {
    format!(
        "WITH mine AS MATERIALIZED (SELECT id FROM outbox AS candidate \
             WHERE dead_at IS NULL AND next_attempt_at <= now() AND NOT EXISTS (SELECT FROM outbox AS earlier \
                 WHERE earlier.{subject} = candidate.{subject} AND earlier.id < candidate.id \
                 AND earlier.dead_at IS NULL) \
             ORDER BY next_attempt_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) \
         UPDATE outbox SET attempts = attempts + 1, next_attempt_at = now() + interval '30 seconds' \
         FROM mine WHERE outbox.id = mine.id \
         RETURNING outbox.id, event_id, kind, {data}::text AS data, created_at, attempts"
    )
}

// The number of attempts tells whether the event is still this worker's.
const DELIVERED: &str = "DELETE FROM outbox WHERE id = $1 AND attempts = $2";
const FAILED: &str = "UPDATE outbox SET next_attempt_at = now() + make_interval(secs => $3), last_error = $4, \
     dead_at = CASE WHEN $5 THEN now() END WHERE id = $1 AND attempts = $2";

/// The events, and how often to try each.
pub(super) struct Store {
    database: Database,
    claim: String,
    pub(super) attempts: i32,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Event {
    id: i64,
    pub(super) uuid: Uuid,
    pub(super) kind: String,
    pub(super) data: Value,
    pub(super) created_at: DateTime<Utc>,
    pub(super) attempts: i32,
}

impl Store {
    pub(super) fn new(database: Database, outbox: Outbox, attempts: i32) -> Self {
        Self { database, claim: claim(outbox), attempts }
    }

    pub(super) async fn claim(&self) -> Result<Vec<Event>, DatabaseError> {
        let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let claim = async |connection: &Connection| {
            let rows = connection.query(&self.claim, &[&most]).await?;
            rows.iter().map(Event::from_row).collect()
        };
        self.database.run(claim).await
    }

    pub(super) async fn delivered(&self, event: &Event) -> Result<(), DatabaseError> {
        let delivered = async |connection: &Connection| {
            connection.execute(DELIVERED, &[&event.id, &event.attempts]).await
        };
        self.database.run(delivered).await.map(drop)
    }

    pub(super) async fn failed(&self, event: &Event, reason: &str) -> Result<(), DatabaseError> {
        let (wait, dead) = (wait_after(event.attempts).as_secs_f64(), event.attempts >= self.attempts);
        let failed = async |connection: &Connection| {
            connection.execute(FAILED, &[&event.id, &event.attempts, &wait, &reason, &dead]).await
        };
        self.database.run(failed).await.map(drop)
    }
}

impl Event {
    fn from_row(row: &Row) -> Result<Self, StatementError> {
        Ok(Self {
            id: row.try_get("id")?,
            uuid: row.try_get("event_id")?,
            kind: row.try_get("kind")?,
            data: serde_json::from_str(row.try_get("data")?)?,
            created_at: row.try_get("created_at")?,
            attempts: row.try_get("attempts")?,
        })
    }
}

/// Twice as long after each attempt; by chance up to half of that shorter, so that not all come back at once.
fn wait_after(attempts: i32) -> Duration {
    let mut chance = [0];
    let _ = SystemRandom::new().fill(&mut chance);
    let doublings = u32::try_from(attempts - 1).unwrap_or_default().min(20);
    let wait = Duration::from_secs(1 << doublings).min(LONGEST_WAIT);
    wait.mul_f64(1.0 - f64::from(chance[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_but_not_for_ever() {
        for (attempts, longest) in [(1, 1), (2, 2), (3, 4), (10, 512), (11, 600), (i32::MAX, 600)] {
            let (wait, longest) = (wait_after(attempts), Duration::from_secs(longest));
            assert!(wait <= longest && wait >= longest / 2, "{attempts}: {wait:?}");
        }
    }
}
