//! Puts a handful of todos into the database, by way of the same model as everyone.

use chassis::{
    Identity, Outcome,
    database::{Database, DatabaseConfig},
};
use chrono::Utc;

use crate::todos::{SAMPLES, Seeded, Todos};

/// Adds what is missing, and says what it did. The same again adds nothing.
pub(crate) async fn seed(service: Identity, (): (), config: DatabaseConfig) -> Outcome {
    let database = Database::of_one_off(service, config);
    let todos = Todos(&database);
    let (mut created, mut restored, mut kept) = (0, 0, 0);
    let now = Utc::now();
    for sample in &SAMPLES {
        *match sample.plant(&todos, now).await.map_err(|error| super::with_advice(&error))? {
            Seeded::Created => &mut created,
            Seeded::Restored => &mut restored,
            Seeded::Kept => &mut kept,
        } += 1;
    }
    database.close().await;
    tracing::info!(created, restored, kept, "seeded");
    Ok(())
}
