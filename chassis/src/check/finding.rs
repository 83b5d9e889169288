//! What was found of one thing.

/// One line of the report.
pub struct Finding {
    of: &'static str,
    found: Found,
    /// Which server has answered.
    server: Option<String>,
}

enum Found {
    Well(String),
    Wrong(Trouble),
    /// What it would be seen through is wrong already.
    Skipped(&'static str),
}

/// What is wrong, and what to do next.
pub struct Trouble {
    why: String,
    next: String,
}

impl Trouble {
    /// Why it is wrong, and what to do next.
    pub fn new(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { why: why.into(), next: next.into() }
    }
}

#[cfg(feature = "postgres")]
impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        crate::database::StatementError::from(error).into()
    }
}

#[cfg(feature = "postgres")]
impl From<crate::database::StatementError> for Trouble {
    fn from(error: crate::database::StatementError) -> Self {
        Self::new(
            format!("cannot ask the database: {error}"),
            "see what the database's own log says of it, then check again",
        )
    }
}

impl Finding {
    /// What a look came to; the words say how it is.
    pub fn of(of: &'static str, found: Result<String, Trouble>) -> Self {
        Self { of, found: found.map_or_else(Found::Wrong, Found::Well), server: None }
    }

    /// The same, with the kind and the version of the backing service that has answered: `PostgreSQL 17.2`. By it deploys are
    /// compared.
    #[must_use]
    pub fn answered_by(self, server: impl Into<String>) -> Self {
        Self { server: Some(server.into()), ..self }
    }

    /// Something that is wrong.
    pub fn wrong(of: &'static str, trouble: Trouble) -> Self {
        Self::of(of, Err(trouble))
    }

    /// Something that could not be looked at, and why not.
    pub fn skipped(of: &'static str, why: &'static str) -> Self {
        Self { of, found: Found::Skipped(why), server: None }
    }

    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.found, Found::Wrong(_))
    }

    pub(super) fn tell(&self) {
        let (check, server) = (self.of, self.server.as_deref());
        match &self.found {
            Found::Well(how) => tracing::info!(check, server, "{how}"),
            Found::Wrong(Trouble { why, next }) => tracing::error!(check, server, next, "{why}"),
            Found::Skipped(why) => tracing::warn!(check, "not looked at: {why}"),
        }
    }
}
