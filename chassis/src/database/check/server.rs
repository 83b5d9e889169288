//! Whether the database is one that this service can work with.

use sqlx::PgConnection;

use crate::check::Trouble;

/// What to do about a database that does not answer.
pub(super) const REACH_IT: &str =
    "see that the database runs, that this machine reaches it, and that DATABASE_URL names it and its user";

/// The oldest PostgreSQL that has all that the schema uses (`gen_random_uuid`), as it numbers itself.
const OLDEST: i32 = 130_000;

const LOOK: &str = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
     current_user::text, current_database()::text, pg_is_in_recovery(), \
     current_setting('default_transaction_read_only')::bool";

/// Which server answers, as whom we came, and whether it takes changes.
pub(super) async fn look(connection: &mut PgConnection) -> Result<String, Trouble> {
    let (number, version, user, name, standby, read_only): (i32, String, String, String, bool, bool) =
        sqlx::query_as(LOOK).fetch_one(connection).await?;
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
