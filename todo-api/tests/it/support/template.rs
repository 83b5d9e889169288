//! The database that the tests' own ones are copies of: migrated once by the real `migrate`, however many tests there
//! are and in however many processes they run.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use super::{database::options, process};

/// Nobody else on the server locks this.
const LOCK: i64 = 0x746f_646f_5f61_7069;

/// Makes a database with the schema of the binary under test.
pub(crate) async fn copy(server: &str, name: &str) {
    let template = Template::of(Path::new(env!("CARGO_BIN_EXE_todo-api")));
    let mut connection = PgConnection::connect(server).await.unwrap();
    let copy = format!("CREATE DATABASE {name} TEMPLATE {}", template.name);
    if let Err(error) = connection.execute(AssertSqlSafe(copy.clone())).await {
        let missing = error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("3D000"));
        assert!(missing, "{error}");
        template.ensure(server, &mut connection).await;
        connection.execute(AssertSqlSafe(copy)).await.unwrap();
    }
    connection.close().await.unwrap();
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
    async fn ensure(&self, server: &str, connection: &mut PgConnection) {
        const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
        sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *connection).await.unwrap();
        let exists = sqlx::query_scalar::<_, bool>(EXISTS).bind(&self.name);
        if !exists.fetch_one(&mut *connection).await.unwrap() {
            self.make(server, connection).await;
        }
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(connection).await.unwrap();
    }

    /// It has its name only once it is complete.
    async fn make(&self, server: &str, connection: &mut PgConnection) {
        drop_old(connection).await;
        let (name, draft) = (&self.name, format!("{}_draft", self.name));
        execute(connection, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        execute(connection, format!("CREATE DATABASE {draft}")).await;
        let url: String = options(server, &draft).to_url_lossy().into();
        let output = process::run("migrate", &[("DATABASE_URL", &url)]).await;
        assert!(output.status.success(), "{output:?}");
        // A database that somebody is connected to cannot be copied.
        execute(connection, format!("ALTER DATABASE {draft} ALLOW_CONNECTIONS false")).await;
        execute(connection, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
}

/// Templates of builds that nobody tests any more, on a server that is there for longer.
async fn drop_old(connection: &mut PgConnection) {
    const OLD: &str = "SELECT datname FROM pg_database WHERE datname ~ '^template_[0-9a-f]{16}(_draft)?$' \
         AND (pg_stat_file('base/' || oid || '/PG_VERSION')).modification < now() - interval '1 day'";
    let old: Vec<String> = sqlx::query_scalar(OLD).fetch_all(&mut *connection).await.unwrap();
    for name in old {
        // Best effort: what is left over hinders nobody.
        let _ = connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await;
    }
}

async fn execute(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}
