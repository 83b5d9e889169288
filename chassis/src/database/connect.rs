//! One connection, for what happens once.

use tokio::time::{Duration, Instant, sleep, timeout_at};

use super::{
    Connection, DatabaseConfig, StatementError,
    options::ConnectOptions,
    session::{self, Mark},
};
use crate::Identity;

/// How long to wait until a server that may be starting is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// A connection, and how it was made.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) options: ConnectOptions,
    pub(crate) mark: Mark,
}

/// How to connect, for any process.
pub(super) fn options(service: Identity, mark: &Mark, options: ConnectOptions) -> ConnectOptions {
    options.named(service.name()).with_settings([mark.setting()])
}

/// Opens a connection. Unlike a pool it says why there is none, and it waits for a server that is about to be there: its
/// name may be resolved later than this process starts, or it is being restarted, and its port is open some time before it
/// lets anybody in.
pub(crate) async fn connect(service: Identity, config: DatabaseConfig) -> Result<Connected, String> {
    let limit = config.acquire_timeout;
    let mark = Mark::of(service);
    let options = options(service, &mark, config.url.reveal());
    let until = Instant::now() + limit;
    loop {
        match timeout_at(until, options.connect()).await {
            Ok(Err(error)) if may_pass(&error) && Instant::now() + AGAIN < until => sleep(AGAIN).await,
            Ok(Ok(connection)) => return Ok(Connected { connection, options, mark }),
            Ok(Err(error)) if session::refuses_settings(&error) => {
                let why = format!("{} ({error})", session::UNSET);
                return Err(format!("cannot connect to the database: {why}. {}", session::UNPOOLED));
            }
            Ok(Err(error)) => return Err(format!("cannot connect to the database: {error}")),
            Err(_) => return Err(format!("cannot connect to the database: no answer within {limit:?}")),
        }
    }
}

/// Whether there is no server at present, or one that cannot let anybody in now: while it starts or stops (57P03).
fn may_pass(error: &StatementError) -> bool {
    error.is_lost() && !error.is_distrust() || error.code() == Some("57P03")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Kind, Secret},
        database::url::PostgresUrl,
    };

    #[tokio::test]
    async fn a_server_that_is_not_there_is_waited_for_and_then_given_up() {
        let limit = 3 * AGAIN;
        let config = DatabaseConfig {
            url: Secret::new(PostgresUrl.parse("postgres://user:canary@127.0.0.1:1/pets").unwrap()),
            max_connections: 2,
            acquire_timeout: limit,
            statement_timeout: limit,
            settings: Vec::new(),
        };
        let asked = Instant::now();
        let error = connect(Identity::new("pets", "1.2.3"), config).await.err().unwrap();
        assert!(asked.elapsed() >= 2 * AGAIN, "{:?}", asked.elapsed());
        assert!(
            error.starts_with("cannot connect to the database: ") && !error.contains("canary"),
            "{error}"
        );
    }
}
