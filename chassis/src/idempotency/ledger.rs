//! The keys in the database.

use sqlx::{Connection, FromRow, PgConnection, Row};

use super::{Answer, Once};

/// Held until the transaction ends, however it ends; the process may be killed.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";

/// A statement of its own after the lock, so that it sees what the former holder of the lock wrote.
const FIND: &str = "SELECT fingerprint = $2 AS same, status, location, etag, body FROM idempotency_keys \
     WHERE key = $1 AND created_at > now() - interval '24 hours'";

/// Also forgets a few of those whose time is over: more than are added, so that none stay.
const REMEMBER: &str = "WITH over AS (DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys \
         WHERE created_at <= now() - interval '24 hours' AND key <> $1 \
         ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED)) \
     INSERT INTO idempotency_keys AS old (key, fingerprint, status, location, etag, body) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, \
     status = excluded.status, location = excluded.location, etag = excluded.etag, body = excluded.body, \
     created_at = excluded.created_at";

/// What became of a request with a key.
#[derive(Debug, PartialEq)]
pub enum Outcome<T> {
    /// It is done now, and this came of it.
    Done(T, Answer),
    /// It was done before: the answer is the same.
    DoneBefore(Answer),
    /// The key belongs to another request.
    OtherRequest,
    /// The first request with this key is not finished yet.
    UnderWay,
}

impl<T> Outcome<T> {
    /// What came of it now.
    pub fn done(&self) -> Option<&T> {
        if let Self::Done(done, _) = self { Some(done) } else { None }
    }
}

/// Does what `act` does and remembers its answer, both or neither, unless that was done before.
pub async fn once<T>(
    connection: &mut PgConnection,
    once: &Once,
    act: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<(T, Answer)>,
) -> sqlx::Result<Outcome<T>> {
    let key = once.key().as_str();
    let mut transaction = connection.begin().await?;
    if !sqlx::query_scalar(LOCK).bind(key).fetch_one(&mut *transaction).await? {
        transaction.rollback().await?;
        return Ok(Outcome::UnderWay);
    }
    let known = sqlx::query(FIND).bind(key).bind(&once.fingerprint()[..]);
    if let Some(row) = known.fetch_optional(&mut *transaction).await? {
        transaction.rollback().await?;
        let same = row.try_get("same")?;
        return if same {
            Answer::from_row(&row).map(Outcome::DoneBefore)
        } else {
            Ok(Outcome::OtherRequest)
        };
    }
    let (done, answer) = act(&mut transaction).await?;
    sqlx::query(REMEMBER)
        .bind(key)
        .bind(&once.fingerprint()[..])
        .bind(i16::try_from(answer.status.as_u16()).unwrap_or(i16::MAX))
        .bind(&answer.location)
        .bind(answer.etag_text())
        .bind(&answer.body)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Outcome::Done(done, answer))
}
