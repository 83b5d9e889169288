//! Looks at all that this service depends on, and says of each thing how it is: what is wrong, why, and what to do.
//! All of it, not the first that is wrong alone.

mod clock;
mod configuration;
mod connections;
mod finding;
mod schema;
mod server;
mod session;

use std::time::Duration;

use chassis::config::Reader;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use self::finding::{Finding, Trouble};
use crate::{
    Outcome,
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

/// Looks at everything and tells it; fails if anything is wrong.
pub(crate) async fn check() -> Outcome {
    let mut findings = configuration::look();
    if let Ok(config) = Reader::environment().load(DatabaseConfig::read_for_one_off) {
        findings.extend(attached(config).await);
    } else {
        findings.push(Finding::skipped("database", "its configuration is wrong"));
        findings.extend(BEHIND_IT.map(|of| Finding::skipped(of, "the database was not looked at")));
    }
    for finding in &findings {
        finding.tell();
    }
    match findings.iter().filter(|finding| finding.is_wrong()).count() {
        0 => Ok(()),
        wrong => Err(format!("wrong: {wrong}; the lines above say what to do").into()),
    }
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
