//! Whether the pools of the processes fit into what the server allows.

use crate::{check::Trouble, database::Connection};

/// What the server, the database and the user allow, each with -1 for any number, and how many there are now. What is
/// kept for superusers is not for us, even if we are one.
const LOOK: &str = "SELECT current_setting('max_connections')::int \
         - current_setting('superuser_reserved_connections')::int \
         - coalesce(current_setting('reserved_connections', true), '0')::int, \
     (SELECT datconnlimit FROM pg_database WHERE datname = current_database()), \
     (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), \
     (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')";

pub(super) async fn look(connection: &Connection, wanted: u32) -> Result<String, Trouble> {
    let row = connection.query_one(LOOK, &[]).await?;
    let limits: [i32; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
    let now: i64 = row.try_get(3)?;
    let allowed = limits.into_iter().filter_map(|limit| u32::try_from(limit).ok()).min().unwrap_or(0);
    evaluate(wanted, allowed, now)
}

fn evaluate(wanted: u32, allowed: u32, now: i64) -> Result<String, Trouble> {
    if wanted > allowed {
        return Err(Trouble::new(
            format!(
                "one process may hold {wanted} connections (DATABASE_MAX_CONNECTIONS), the database allows {allowed}"
            ),
            "lower DATABASE_MAX_CONNECTIONS, or raise the server's max_connections or the limit of the database or user",
        ));
    }
    Ok(format!(
        "{allowed} connections allowed, {now} there; a process may hold {wanted}, so {} such processes fit",
        allowed / wanted.max(1)
    ))
}
