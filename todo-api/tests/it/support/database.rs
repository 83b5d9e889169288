//! A database of its own for each test.

use std::{env, str::FromStr, thread};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use super::template;

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
