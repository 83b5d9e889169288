//! Removes what was completed long ago.

use chassis::database::Connection;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::store::{StoreError, Todos};

/// How many are removed by one statement, which holds their locks until all their triggers have run.
const BATCH: i64 = 100;

// The oldest first, by the index for the completed ones, and on from where the last batch ended. Whatever somebody is
// changing just now is left to them, and so is what they reopened.
const REMOVE: &str = "WITH batch AS (\
         SELECT id FROM todos \
         WHERE completed_at IS NOT NULL AND completed_at < $1 \
             AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3)) \
         ORDER BY created_at, id LIMIT $4 FOR UPDATE SKIP LOCKED\
     ) \
     DELETE FROM todos USING batch WHERE todos.id = batch.id RETURNING todos.created_at, todos.id";

/// What one statement removed.
pub(crate) struct Batch {
    pub(crate) removed: usize,
    /// The place of the last one in the order of the list.
    last: Option<(DateTime<Utc>, Uuid)>,
}

impl Todos<'_> {
    /// Removes some of what was completed before this moment; none are left when it removed none.
    pub(crate) async fn purge(
        &self,
        completed_before: DateTime<Utc>,
        after: Option<&Batch>,
    ) -> Result<Batch, StoreError> {
        let place = after.and_then(|batch| batch.last);
        let (created_at, id) = place.unzip();
        let remove = async |connection: &Connection| {
            let gone = connection.query(REMOVE, &[&completed_before, &created_at, &id, &BATCH]).await?;
            gone.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        };
        let gone: Vec<(DateTime<Utc>, Uuid)> = self.0.run(remove).await?;
        Ok(Batch { removed: gone.len(), last: gone.into_iter().max() })
    }
}
