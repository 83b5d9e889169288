//! A database of its own for each test.

use std::{env, str::FromStr, thread, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::time::{sleep, timeout};
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
        execute(&database.server, format!("CREATE DATABASE {}", database.name)).await.unwrap();
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
        self.options().to_url_lossy().into()
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        options(&self.server, &self.name)
    }

    /// A URL with which the server lets nobody in.
    pub(crate) fn url_for_a_stranger(&self, password: &str) -> String {
        self.options().username("a_stranger").password(password).to_url_lossy().into()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }

    /// Waits until so many statements wait for a lock.
    pub(crate) async fn waiting(&self, count: i64) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut connection = self.connect().await;
        let waiting = async {
            while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut connection).await.unwrap() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("statements should wait");
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        self.connect().await.execute(sql).await.unwrap();
    }
}

impl Drop for TestDatabase {
    /// Best effort: what is left over hinders nobody.
    fn drop(&mut self) {
        let drop_it = execute(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
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
pub(super) fn options(server: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(server).unwrap().database(database)
}

async fn execute(server: &str, sql: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    connection.close().await
}
