//! Why a statement gave no result.

use std::{error::Error, fmt, io};

use tokio_postgres::error::DbError;

/// Why a statement gave no result. Of an error of PostgreSQL it shows the message alone: the line that comes with it is one
/// of the server's source, and looks like one of the statement.
#[derive(Debug)]
#[non_exhaustive]
pub enum StatementError {
    /// PostgreSQL's error, or one of the connection to it.
    Postgres(tokio_postgres::Error),
    /// Any other, such as a value that cannot be converted.
    Other(Box<dyn Error + Send + Sync>),
}

impl StatementError {
    /// Any other error, such as of a value that cannot be converted.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// The error that PostgreSQL answered with, if it did.
    pub fn refusal(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            Self::Other(_) => None,
        }
    }

    /// Its SQLSTATE.
    pub(super) fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code().code())
    }

    /// Whether the connection is broken, or there is none.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.is_closed()) || self.io().is_some()
    }

    /// Whether the TLS handshake failed, for example because the server's certificate is not trusted.
    pub(super) fn is_distrust(&self) -> bool {
        self.io().and_then(io::Error::get_ref).is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
    }

    fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Postgres(error) => error.source()?.downcast_ref(),
            Self::Other(_) => None,
        }
    }
}

impl From<tokio_postgres::Error> for StatementError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<serde_json::Error> for StatementError {
    fn from(error: serde_json::Error) -> Self {
        Self::other(error)
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(refusal) = self.refusal() {
            return formatter.write_str(refusal.message());
        }
        let error: &dyn Error = match self {
            Self::Postgres(error) => error,
            Self::Other(error) => error.as_ref(),
        };
        write!(formatter, "{error}")?;
        let mut source = error.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Error for StatementError {}
