//! A database of its own for each test.

use std::{env, thread, time::Duration};

use reqwest::Url;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, Error, NoTls, config::Host, types::FromSqlOwned};
use uuid::Uuid;

use super::{process::PATIENCE, template};

/// A database that exists as long as this value.
pub(crate) struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// An empty database.
    pub(crate) async fn empty() -> Self {
        let database = Self::named();
        execute(&database.server, &format!("CREATE DATABASE {}", database.name)).await.unwrap();
        database
    }

    /// A database with the schema of this version.
    pub(crate) async fn migrated() -> Self {
        let database = Self::named();
        template::copy(&database.server, &database.name).await;
        database
    }

    fn named() -> Self {
        let server = env::var("TEST_DATABASE_URL").expect(
            "these tests need PostgreSQL: run `cargo xtask test`, or set TEST_DATABASE_URL to a superuser's URL",
        );
        Self { server, name: format!("test_{}", Uuid::now_v7().simple()) }
    }

    pub(crate) fn url(&self) -> String {
        url(&self.config())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn config(&self) -> Config {
        config(&self.server, &self.name)
    }

    /// A URL with which the server lets nobody in.
    pub(crate) fn url_for_a_stranger(&self, password: &str) -> String {
        url(self.config().user("a_stranger").password(password))
    }

    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// The one value of the one row that this gives.
    pub(crate) async fn value<T: FromSqlOwned>(&self, sql: &str) -> T {
        self.connect().await.query_one_scalar(sql, &[]).await.unwrap()
    }

    /// The one value of each row.
    pub(crate) async fn values<T: FromSqlOwned>(&self, sql: &str) -> Vec<T> {
        self.connect().await.query_scalar(sql, &[]).await.unwrap()
    }

    /// Waits until so many statements wait for a lock.
    pub(crate) async fn waiting(&self, count: i64) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let connection = self.connect().await;
        let waiting = async {
            while connection.query_one_scalar::<i64, _>(WAITING, &[]).await.unwrap() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("statements should wait");
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.connect().await.batch_execute(sql).await.unwrap();
    }
}

impl Drop for TestDatabase {
    /// Best effort: what is left over hinders nobody.
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let drop_it = execute(&self.server, &sql);
        thread::scope(|scope| {
            // A thread of its own, because a runtime cannot be started inside another.
            let dropped = scope.spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map(|it| it.block_on(drop_it))
            });
            let _ = dropped.join();
        });
    }
}

/// How to connect to a database of a server.
pub(super) fn config(server: &str, database: &str) -> Config {
    let mut config: Config = server.parse().unwrap();
    config.dbname(database);
    config
}

/// What `DATABASE_URL` is for that.
pub(super) fn url(config: &Config) -> String {
    let mut url = Url::parse("postgres://h").unwrap();
    let host = match &config.get_hosts()[0] {
        Host::Tcp(host) => host.clone(),
        Host::Unix(folder) => folder.display().to_string().replace('/', "%2F"),
    };
    url.set_host(Some(&host)).unwrap();
    url.set_port(config.get_ports().first().copied()).unwrap();
    url.set_username(config.get_user().unwrap_or_default()).unwrap();
    let password = config.get_password().map(|password| std::str::from_utf8(password).unwrap());
    url.set_password(password).unwrap();
    url.set_path(config.get_dbname().unwrap_or_default());
    url.into()
}

pub(crate) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn execute(server: &str, sql: &str) -> Result<(), Error> {
    connect(server).await?.batch_execute(sql).await
}
