//! Where a database is.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::config::{Kind, Shape};

/// What stands for itself in a URL must be escaped in the user's name and password: `#` and `/` above all.
const POSTGRES_URL: &str = concat!(
    "postgres(ql)?://",
    "([^/?#@:\\s]*(:[^/?#@\\s]*)?@)?",
    r"([0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])",
    "(:0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    "(/[^?#\\s]*)?",
    "(\\?[^#\\s]*)?",
);

/// The URL of a PostgreSQL database.
pub(crate) struct PostgresUrl;

impl Kind for PostgresUrl {
    type Value = PgConnectOptions;

    fn parse(&self, text: &str) -> Option<PgConnectOptions> {
        let (scheme, _) = text.split_once("://")?;
        if matches!(scheme, "postgres" | "postgresql") { PgConnectOptions::from_str(text).ok() } else { None }
    }

    fn shape(&self) -> Shape {
        Shape::Url {
            pattern: POSTGRES_URL,
            expected: "a URL such as postgres://user:password@host:5432/database",
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn a_password_that_is_not_escaped_fits_no_url() {
        let whole = Regex::new(&format!(r"\A(?:{POSTGRES_URL})\z")).unwrap();
        for text in [
            "postgres://h/d",
            "postgresql://u:p%23w@db.example.com:65535/d?sslmode=require",
            "postgres://u@[::1]:5432/d",
            "postgres:///d?host=/run/postgresql",
            "postgres://u:pä$w!@10.0.0.1",
        ] {
            assert!(whole.is_match(text) && PostgresUrl.parse(text).is_some(), "{text}");
        }
        for text in [
            "postgres://u:p#w@h/d",
            "postgres://u:p/w@h/d",
            "postgres://u:p?w@h/d",
            "postgres://h:65536/d",
            "mysql://h/d",
        ] {
            assert!(!whole.is_match(text) && PostgresUrl.parse(text).is_none(), "{text}");
        }
    }
}
