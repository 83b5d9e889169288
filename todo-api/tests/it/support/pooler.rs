//! A `PgBouncer` before a test's database.

use std::{
    env, fs,
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::geteuid;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::Host;

use super::{
    database::TestDatabase,
    needs::{missing, nobody},
    process::PATIENCE,
};

/// How a pooler differs from others.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// How long a client has a connection of the server: a `session`, or a `transaction`.
    pub(crate) mode: &'static str,
    /// Settings of a connection that it drops without a word, rather than refuse the connection.
    pub(crate) ignores: &'static str,
    /// What it does with each connection of the server's first, in SQL.
    pub(crate) begins: &'static str,
}

/// A `PgBouncer` that runs as long as this value exists.
pub(crate) struct Pooler {
    folder: TempDir,
    name: String,
    child: Child,
}

impl Pooler {
    /// Starts one, where the machine has the program.
    pub(crate) async fn before(database: &TestDatabase, manner: Manner) -> Option<Self> {
        let Some(program) = program() else {
            missing("the `pgbouncer` command");
            return None;
        };
        // No other user can enter the folder: the pooler lets in every client that reaches its socket.
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("pgbouncer.ini");
        let name = database.name().to_owned();
        fs::write(&config, written(database, manner, &folder)).unwrap();
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if geteuid().is_root() {
            // It refuses to be root.
            for path in [folder.path(), &config] {
                chown(path, Some(nobody()), Some(nobody())).unwrap();
            }
            command.args(["--user", "nobody"]);
        }
        let pooler = Self { child: command.spawn().unwrap(), folder, name };
        let listens = async {
            while !pooler.folder.path().join(".s.PGSQL.6432").exists() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, listens).await.expect("the pooler should listen");
        Some(pooler)
    }

    /// How the service gets to the database by way of it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://somebody@%2Fsocket:6432/{}?sslmode=disable", self.name)
            .replace("%2Fsocket", &self.folder.path().display().to_string().replace('/', "%2F"))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn written(database: &TestDatabase, manner: Manner, folder: &TempDir) -> String {
    let config = database.config();
    let place = match &config.get_hosts()[0] {
        Host::Unix(folder) => folder.display().to_string(),
        Host::Tcp(host) => host.clone(),
    };
    let Manner { mode, ignores, begins } = manner;
    format!(
        "[databases]\n* = host={place} port={} user={} password={} connect_query='{begins}'\n\
         [pgbouncer]\nauth_type = any\nlisten_port = 6432\nunix_socket_dir = {}\npool_mode = {mode}\n\
         ignore_startup_parameters = {ignores}\n",
        config.get_ports().first().unwrap_or(&5432),
        config.get_user().unwrap_or_default(),
        String::from_utf8_lossy(config.get_password().unwrap_or_default()),
        folder.path().display(),
    )
}

/// From PATH, or from where packages put it, which is not on everybody's.
fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}
