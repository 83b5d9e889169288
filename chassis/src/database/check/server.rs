//! Whether the database is one that this service can work with.

use tokio_postgres::Row;

use crate::{
    check::{Finding, Trouble},
    database::Connection,
};

/// What it is called where it is looked at.
pub(super) const DATABASE: &str = "database";

/// What to do about a database that does not answer.
pub(super) const REACH_IT: &str =
    "see that the database runs, that this machine reaches it, and that DATABASE_URL names it and its user";

/// The oldest PostgreSQL that has all that the schema uses (`gen_random_uuid`), as it numbers itself.
const OLDEST: i32 = 130_000;

const LOOK: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
     current_user::text, current_database()::text, pg_is_in_recovery(), \
     current_setting('default_transaction_read_only')::bool";

/// Which server answers, as whom we came, and whether it takes changes.
pub(super) async fn look(connection: &Connection) -> Finding {
    match connection.query_one(LOOK, &[]).await {
        Err(error) => Finding::wrong(DATABASE, error.into()),
        Ok(row) => {
            let found = evaluate(&row);
            let version = row.try_get::<_, &str>(1).unwrap_or_default();
            Finding::of(DATABASE, found).answered_by(format!("PostgreSQL {version}"))
        }
    }
}

fn evaluate(row: &Row) -> Result<String, Trouble> {
    let number: i32 = row.try_get(0)?;
    let (version, user, name): (&str, &str, &str) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let (standby, read_only): (bool, bool) = (row.try_get(4)?, row.try_get(5)?);
    if number < OLDEST {
        return Err(Trouble::new(
            format!("PostgreSQL {version} is too old"),
            format!("move the database to PostgreSQL {} or newer", OLDEST / 10_000),
        ));
    }
    if standby {
        return Err(Trouble::new(
            format!("the PostgreSQL {version} that answers is a standby, which takes no changes"),
            "let DATABASE_URL name the primary, or promote this one",
        ));
    }
    if read_only {
        return Err(Trouble::new(
            format!("transactions of {user} in {name} are read-only by default"),
            "reset default_transaction_read_only for the user, the database or the server",
        ));
    }
    Ok(format!("PostgreSQL {version} answers, database {name}, user {user}"))
}
