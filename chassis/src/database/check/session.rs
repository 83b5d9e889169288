//! Whether a connection is a session, which lasts.

use sqlx::{PgConnection, postgres::PgConnectOptions};

use crate::{
    check::Trouble,
    database::session::{Mark, UNPOOLED},
};

pub(super) async fn look(
    mark: &Mark,
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<String, Trouble> {
    match mark.fault(connection, options).await? {
        None => Ok("each connection is a session of its own, which lasts".into()),
        Some(fault) => Err(Trouble::new(fault, UNPOOLED)),
    }
}
