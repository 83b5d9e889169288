//! How to connect to a database.

use std::sync::Arc;

use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_postgres::{Config, NoTls, config::SslMode};

use super::{
    StatementError,
    connection::{Announcements, Connection},
    tls::Tls,
};

/// Each session's settings: time stamps as text are in UTC and in ISO 8601, and floating-point numbers lose no digit.
const SESSION: [(&str, &str); 3] =
    [("TimeZone", "UTC"), ("DateStyle", "ISO, MDY"), ("extra_float_digits", "2")];

/// Address, user, TLS and settings of a connection.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    config: Config,
    tls: Arc<Tls>,
    /// How many statements a connection keeps prepared.
    prepared: usize,
}

impl ConnectOptions {
    pub(super) fn new(config: Config, tls: Tls, prepared: usize) -> Self {
        Self { config, tls: Arc::new(tls), prepared }.with_settings(SESSION)
    }

    /// Sets the name under which the server lists the connection.
    pub(super) fn named(mut self, application: &str) -> Self {
        self.config.application_name(application);
        self
    }

    /// Adds settings of the session. Of two with the same name, the later one applies.
    pub(crate) fn with_settings<'a>(
        mut self,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut all = self.config.get_options().unwrap_or_default().to_owned();
        for (name, value) in settings {
            all += if all.is_empty() { "" } else { " " };
            all += &setting(name, value);
        }
        self.config.options(all);
        self
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Connection, StatementError> {
        self.open(None).await
    }

    /// Opens a connection, with the notifications that arrive on it.
    pub(crate) async fn listen(&self) -> Result<(Connection, Announcements), StatementError> {
        let (heard, announcements) = mpsc::unbounded_channel();
        Ok((self.open(Some(heard)).await?, announcements))
    }

    async fn open(
        &self,
        heard: Option<mpsc::UnboundedSender<Result<String, StatementError>>>,
    ) -> Result<Connection, StatementError> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, driven) = self.config.connect(NoTls).await?;
            return Ok(Connection::new(client, driven, heard, self.prepared));
        }
        // Read again each time: certificates are replaced while a service runs.
        let tls = self.tls.clone();
        let connector = spawn_blocking(move || tls.connector()).await.map_err(StatementError::other)??;
        let (client, driven) = self.config.connect(connector).await?;
        Ok(Connection::new(client, driven, heard, self.prepared))
    }

    #[cfg(test)]
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    #[cfg(test)]
    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }
}

/// One setting as the server parses them: a space ends it unless a backslash is in front.
pub(super) fn setting(name: &str, value: &str) -> String {
    format!("-c {name}={}", value.replace('\\', r"\\").replace(' ', r"\ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_keeps_its_spaces_and_backslashes() {
        let options = ConnectOptions::new(Config::new(), Tls::default(), 1).with_settings([("a.b", r"c \d")]);
        let all = options.config().get_options().unwrap();
        assert!(all.starts_with(r"-c TimeZone=UTC -c DateStyle=ISO,\ MDY"), "{all}");
        assert!(all.ends_with(r" -c a.b=c\ \\d"), "{all}");
    }
}
