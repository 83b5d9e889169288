//! Looks at the database and at all that is seen through it.

mod clock;
mod connections;
mod schema;
mod server;
mod session;

use std::time::Duration;

use chassis::{
    check::{Finding, Trouble},
    config::Reader,
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use crate::{
    config::DatabaseConfig,
    database::{
        self,
        session::{UNPOOLED, UNSET},
    },
};

/// What is looked at by way of the database.
const BEHIND_IT: [&str; 4] = ["session", "schema", "clock", "connections"];

/// How long all that is asked of the database may take: more than that is wrong, too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at all of it, however much is wrong.
pub(crate) async fn check() -> Vec<Finding> {
    if let Ok(config) = Reader::environment().load(DatabaseConfig::read_for_one_off) {
        return attached(config).await;
    }
    let mut findings = vec![Finding::skipped("database", "its configuration is wrong")];
    findings.extend(BEHIND_IT.map(|of| Finding::skipped(of, "the database was not looked at")));
    findings
}

/// The database, and what can be seen through it.
async fn attached(config: DatabaseConfig) -> Vec<Finding> {
    let wanted = config.max_connections;
    let without = |why: &str, next| {
        let mut findings = vec![Finding::wrong("database", Trouble::new(why, next))];
        findings.extend(BEHIND_IT.map(|of| Finding::skipped(of, "the database does not answer")));
        findings
    };
    let (mut connection, options) = match database::connect(config).await {
        Ok(connected) => connected,
        Err(why) if why.contains(UNSET) => return without(UNSET, UNPOOLED),
        Err(why) => return without(&why, server::REACH_IT),
    };
    match timeout(PATIENCE, through(&mut connection, &options, wanted)).await {
        Ok(findings) => {
            // It has said all that it was asked.
            let _ = timeout(PATIENCE, connection.close()).await;
            findings
        }
        Err(_) => without(&format!("the database gave no answer within {PATIENCE:?}"), server::REACH_IT),
    }
}

async fn through(connection: &mut PgConnection, options: &PgConnectOptions, wanted: u32) -> Vec<Finding> {
    vec![
        Finding::of("database", server::look(connection).await),
        Finding::of("session", session::look(connection, options).await),
        Finding::of("schema", schema::look(connection).await),
        Finding::of("clock", clock::look(connection).await),
        Finding::of("connections", connections::look(connection, wanted).await),
    ]
}
