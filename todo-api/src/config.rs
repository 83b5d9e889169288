//! What the processes read of the environment, besides what every web process and every worker does.

use chassis::{config::Reader, database::DatabaseConfig, events::LiveConfig, outbox::OutboxConfig};

/// What `web` needs.
pub(crate) struct WebConfig {
    pub(crate) database: DatabaseConfig,
    pub(crate) live: LiveConfig,
}

/// What `worker` needs.
pub(crate) struct WorkerConfig {
    pub(crate) database: DatabaseConfig,
    pub(crate) outbox: OutboxConfig,
}

// Everything is read before the first `?`, so that everything wrong is reported.

/// Tells the migrations' triggers that a writer on such a connection announces its changes itself, afterwards.
fn database(from: &mut Reader) -> Option<DatabaseConfig> {
    Some(DatabaseConfig::read(from)?.with_setting("todo_api.announces", "later"))
}

impl WebConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = database(from);
        let live = LiveConfig::read(from);
        Some(Self { database: database?, live: live? })
    }
}

impl WorkerConfig {
    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        let database = database(from);
        let outbox = OutboxConfig::read(from);
        Some(Self { database: database?, outbox: outbox? })
    }
}
