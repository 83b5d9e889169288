//! What the database's errors say to people.

use std::fmt;

/// Shows an error without what the library adds to PostgreSQL's own words: a line of the server's source, which anyone
/// takes for one of the statement.
pub struct Reason<'a>(pub &'a sqlx::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            sqlx::Error::Database(refusal) => formatter.write_str(refusal.message()),
            error => write!(formatter, "{error}"),
        }
    }
}
