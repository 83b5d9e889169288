//! The keys in the database.

use futures_util::{
    TryFutureExt,
    future::{try_join, try_join3},
};

use super::{Answer, Once};
use crate::database::{Connection, Parameters, StatementError};

/// Held until the transaction ends, however it ends; the process may be killed.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";

/// A statement of its own after the lock, so that it sees what the former holder of the lock wrote. Its time is compared
/// so that no index has it: of a small table the planner may read all keys by their time, rather than look for one.
const FIND: &str = "SELECT fingerprint = $2 AS same, status, location, etag, body FROM idempotency_keys \
     WHERE key = $1 AND created_at + interval '24 hours' > now()";

/// Also forgets a few of those whose time is over: more than are added, so that none stay. An array, because `IN` may be
/// planned, while the table is empty, as a join that runs the subquery again for each row.
const REMEMBER: &str = "WITH over AS (DELETE FROM idempotency_keys WHERE key = ANY (ARRAY(SELECT key \
         FROM idempotency_keys WHERE created_at <= now() - interval '24 hours' AND key <> $1 \
         ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED))) \
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
    connection: &Connection,
    once: &Once,
    act: impl AsyncFnOnce(&Connection) -> Result<(T, Answer), StatementError>,
) -> Result<Outcome<T>, StatementError> {
    let (key, fingerprint) = (once.key().as_str(), &once.fingerprint()[..]);
    let [lock, find, remember] = connection.prepare([LOCK, FIND, REMEMBER]).await?;
    let client = connection.client();
    // Sent together, run one after the other: with the last two, three round trips instead of six.
    let ((), locked, known) = try_join3(
        connection.begin(),
        client.query_one(&lock, &[&key]).err_into(),
        client.query_opt(&find, &[&key, &fingerprint]).err_into(),
    )
    .await?;
    if !locked.try_get::<_, bool>(0)? {
        connection.rollback().await?;
        return Ok(Outcome::UnderWay);
    }
    if let Some(row) = known {
        connection.rollback().await?;
        return if row.try_get("same")? {
            Answer::from_row(&row).map(Outcome::DoneBefore)
        } else {
            Ok(Outcome::OtherRequest)
        };
    }
    let (done, answer) = act(connection).await?;
    let status = i16::try_from(answer.status.as_u16()).unwrap_or(i16::MAX);
    let (etag, Answer { location, body, .. }) = (answer.etag_text(), &answer);
    let parameters: Parameters<'_> = &[&key, &fingerprint, &status, location, &etag, body];
    try_join(client.execute(&remember, parameters).err_into(), connection.commit()).await?;
    Ok(Outcome::Done(done, answer))
}
