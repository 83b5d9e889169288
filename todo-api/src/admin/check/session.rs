//! Whether a connection is a session, which lasts.

use chassis::check::Trouble;
use sqlx::{PgConnection, postgres::PgConnectOptions};

use crate::database::session;

pub(super) async fn look(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<String, Trouble> {
    match session::fault(connection, options).await? {
        None => Ok("each connection is a session of its own, which lasts".into()),
        Some(fault) => Err(Trouble::new(fault, session::UNPOOLED)),
    }
}
