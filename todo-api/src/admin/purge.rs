//! Removes todos that were completed long ago.

use chassis::{
    Identity, Outcome,
    database::{Database, DatabaseConfig},
};
use chrono::{DateTime, Utc};
use clap::Args;

use super::moment;
use crate::todos::Todos;

/// What to remove.
#[derive(Args)]
pub(crate) struct Purge {
    /// Remove what was completed before: an age such as 30d or 12h, a date (in UTC) or an RFC 3339 timestamp
    #[arg(long, value_name = "WHEN", value_parser = moment::read)]
    completed_before: DateTime<Utc>,
}

/// Removes them batch by batch, so that nobody waits long for a lock, and says how many they were. Each removal is
/// announced and told to the webhook like any other.
pub(crate) async fn purge(
    service: Identity,
    Purge { completed_before }: Purge,
    config: DatabaseConfig,
) -> Outcome {
    let database = Database::of_one_off(service, config);
    let mut removed = 0;
    let mut last = None;
    loop {
        let batch = Todos(&database).purge(completed_before, last.as_ref()).await.map_err(|error| {
            super::with_advice(&format!("cannot remove any more, {removed} are removed: {error}"))
        })?;
        if batch.removed == 0 {
            break;
        }
        removed += batch.removed;
        tracing::debug!(removed, "removed a batch");
        last = Some(batch);
    }
    database.close().await;
    tracing::info!(removed, %completed_before, "purged");
    Ok(())
}
