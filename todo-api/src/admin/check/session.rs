//! Whether a connection is a session, which lasts.

use sqlx::{PgConnection, postgres::PgConnectOptions};

use super::finding::Trouble;
use crate::database::session;

pub(super) async fn look(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<String, Trouble> {
    if session::proves(connection, options).await? {
        Ok("each connection is a session of its own, which lasts".into())
    } else {
        Err(Trouble::new(session::POOLED, session::UNPOOLED))
    }
}
