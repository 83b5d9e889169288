//! Hears what the database announces: one connection per process, opened again whenever it is lost.

use std::{convert::Infallible, time::Duration};

use tokio::time::{sleep, timeout};

use super::{change::Change, hub::Hub};
use crate::database::{ConnectOptions, StatementError};

/// How long to wait for what the database says.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// How long the connection may be silent before it is asked whether it lives: a network that swallows everything
    /// says nothing by itself.
    silence: Duration,
    /// How long any answer may take.
    answer: Duration,
}

impl Patience {
    /// For a database whose statements may take this long; longer than seconds nobody is to watch in vain.
    pub(super) fn with(statement_timeout: Duration) -> Self {
        let unit = statement_timeout.min(Duration::from_secs(1));
        Self { silence: 5 * unit, answer: 2 * unit }
    }

    async fn answer<T>(self, answer: impl Future<Output = Result<T, StatementError>>) -> Result<T, String> {
        match timeout(self.answer, answer).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".into()),
        }
    }
}

/// How long to wait before trying again; doubled with each failure, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Publishes what the database announces, for as long as the process runs.
pub(super) async fn follow<C: Change>(options: ConnectOptions, hub: Hub<C>, patience: Patience) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Err(reason) = listen(&options, &hub, patience, &mut pause).await;
        tracing::warn!(reason, "the database's announcements are not heard");
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Publishes what one connection hears, and says why it ended.
async fn listen<C: Change>(
    options: &ConnectOptions,
    hub: &Hub<C>,
    patience: Patience,
    pause: &mut Duration,
) -> Result<Infallible, String> {
    let (connection, mut announcements) = patience.answer(options.listen()).await?;
    patience.answer(connection.listen(C::CHANNEL)).await?;
    // Only now: what was announced before went unheard.
    hub.gap();
    *pause = FIRST_PAUSE;
    tracing::debug!("the database's announcements are heard");
    loop {
        match timeout(patience.silence, announcements.recv()).await {
            Ok(Some(Ok(announcement))) => hub.publish(C::parse(&announcement)),
            Ok(None) => return Err("the connection was lost".into()),
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Err(_) => patience.answer(connection.ping()).await?,
        }
    }
}
