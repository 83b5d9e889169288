//! Whether a connection is a session, which lasts.

use crate::{
    check::Trouble,
    database::{
        ConnectOptions, Connection,
        session::{Mark, UNPOOLED},
    },
};

pub(super) async fn look(
    mark: &Mark,
    connection: &Connection,
    options: &ConnectOptions,
) -> Result<String, Trouble> {
    match mark.fault(connection, options).await? {
        None => Ok("each connection is a session of its own, which lasts".into()),
        Some(fault) => Err(Trouble::new(fault, UNPOOLED)),
    }
}
