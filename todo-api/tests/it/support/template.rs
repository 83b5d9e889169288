//! The database that the tests' own ones are copies of: migrated once by the real `migrate`, however many tests there
//! are and in however many processes they run.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, error::SqlState};

use super::{
    database::{config, connect, url},
    process,
};

/// Nobody else on the server locks this.
const LOCK: i64 = 0x746f_646f_5f61_7069;

/// Makes a database with the schema of the binary under test.
pub(crate) async fn copy(server: &str, name: &str) {
    let template = Template::of(Path::new(env!("CARGO_BIN_EXE_todo-api")));
    let connection = connect(server).await.unwrap();
    let copy = format!("CREATE DATABASE {name} TEMPLATE {}", template.name);
    if let Err(error) = connection.batch_execute(&copy).await {
        assert_eq!(error.code(), Some(&SqlState::INVALID_CATALOG_NAME), "{error:?}");
        template.ensure(server, &connection).await;
        connection.batch_execute(&copy).await.unwrap();
    }
}

/// A template, which belongs to one binary.
struct Template {
    name: String,
}

impl Template {
    /// What tells two builds of a binary from each other, at less cost for each test than reading all of it.
    fn of(binary: &Path) -> Self {
        let file = fs::metadata(binary).unwrap();
        let build = (binary, file.ino(), file.len(), file.mtime(), file.mtime_nsec());
        let digest = Sha256::digest(format!("{build:?}"));
        Self { name: format!("template_{:016x}", u64::from_be_bytes(*digest.first_chunk().unwrap())) }
    }

    /// Makes it unless somebody else has meanwhile. The lock goes with the connection at the latest.
    async fn ensure(&self, server: &str, connection: &Client) {
        const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        connection.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.unwrap();
        if !connection.query_one_scalar::<bool, _>(EXISTS, &[&self.name]).await.unwrap() {
            self.make(server, connection).await;
        }
        connection.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await.unwrap();
    }

    /// It has its name only once it is complete.
    async fn make(&self, server: &str, connection: &Client) {
        drop_old(connection).await;
        let (name, draft) = (&self.name, format!("{}_draft", self.name));
        execute(connection, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        execute(connection, format!("CREATE DATABASE {draft}")).await;
        let url = url(&config(server, &draft));
        let output = process::run("migrate", &[("DATABASE_URL", &url)]).await;
        assert!(output.status.success(), "{output:?}");
        // A database that somebody is connected to cannot be copied.
        execute(connection, format!("ALTER DATABASE {draft} ALLOW_CONNECTIONS false")).await;
        execute(connection, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
}

/// Templates of builds that nobody tests any more, on a server that is there for longer.
async fn drop_old(connection: &Client) {
    const OLD: &str = "SELECT datname FROM pg_database WHERE datname ~ '^template_[0-9a-f]{16}(_draft)?$' \
         AND (pg_stat_file('base/' || oid || '/PG_VERSION')).modification < now() - interval '1 day'";
    let old: Vec<String> = connection.query_scalar(OLD, &[]).await.unwrap();
    for name in old {
        // Best effort: what is left over hinders nobody.
        let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await;
    }
}

async fn execute(connection: &Client, sql: String) {
    connection.batch_execute(&sql).await.unwrap();
}
