//! PostgreSQL as an attached resource.

mod url;

pub use self::url::PostgresUrl;
