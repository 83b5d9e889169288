//! Looks at the database and at all that is seen through it: whether it is one to work with and takes changes, whether
//! connections last, its schema, its clock, and how many connections it allows.

mod clock;
mod connections;
mod schema;
mod server;
mod session;

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::timeout;

use self::server::DATABASE;
use super::{
    Connected, DatabaseConfig, connect,
    session::{UNPOOLED, UNSET},
};
use crate::{
    Identity,
    check::{Finding, Trouble},
    config::Reader,
    migration::Migration,
};

/// What is looked at by way of the database.
const BEHIND_IT: [&str; 4] = ["session", "schema", "clock", "connections"];

/// How long all that is asked of the database may take: more than that is wrong, too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at all of it, however much is wrong; the schema is to have these migrations. For
/// [`Service::check`](crate::Service::check).
pub fn of(
    migrations: &'static [Migration],
) -> impl FnOnce(Identity) -> LocalBoxFuture<'static, Vec<Finding>> {
    move |service| Box::pin(look(service, migrations))
}

async fn look(service: Identity, migrations: &[Migration]) -> Vec<Finding> {
    if let Ok(config) = Reader::environment().load(DatabaseConfig::read_for_one_off) {
        return attached(service, config, migrations).await;
    }
    let mut findings = vec![Finding::skipped(DATABASE, "its configuration is wrong")];
    findings.extend(BEHIND_IT.map(|of| Finding::skipped(of, "the database was not looked at")));
    findings
}

/// The database, and what can be seen through it.
async fn attached(service: Identity, config: DatabaseConfig, migrations: &[Migration]) -> Vec<Finding> {
    let wanted = config.max_connections;
    let without = |why: &str, next| {
        let mut findings = vec![Finding::wrong(DATABASE, Trouble::new(why, next))];
        findings.extend(BEHIND_IT.map(|of| Finding::skipped(of, "the database does not answer")));
        findings
    };
    let connected = match connect(service, config).await {
        Ok(connected) => connected,
        Err(why) if why.contains(UNSET) => return without(UNSET, UNPOOLED),
        Err(why) => return without(&why, server::REACH_IT),
    };
    match timeout(PATIENCE, through(&connected, migrations, wanted)).await {
        Ok(findings) => {
            // It has said all that it was asked.
            connected.connection.close().await;
            findings
        }
        Err(_) => without(&format!("the database gave no answer within {PATIENCE:?}"), server::REACH_IT),
    }
}

async fn through(connected: &Connected, migrations: &[Migration], wanted: u32) -> Vec<Finding> {
    let Connected { connection, options, mark } = connected;
    vec![
        server::look(connection).await,
        Finding::of("session", session::look(mark, connection, options).await),
        Finding::of("schema", schema::look(connection, migrations).await),
        Finding::of("clock", clock::look(connection).await),
        Finding::of("connections", connections::look(connection, wanted).await),
    ]
}
