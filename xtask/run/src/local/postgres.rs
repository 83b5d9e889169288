//! A deploy's own PostgreSQL server on this machine, as a process beside the others: durable (fsync is on),
//! on loopback only, with a password.

use std::fs;

use rustix::process::Signal;
use tokio::sync::watch;
use xtask_contract::{Context, Digest, EnvName, Progress, Repo, Result, durable};

use super::{
    child::Program,
    lock::Lock,
    postgres_home::Home,
    supervisor::{Ready, Running, Slot, once},
};
use crate::postgres_url::PostgresUrl;

/// A server that takes connections.
pub(super) struct Server {
    slot: Slot,
    running: Running,
}

impl Server {
    /// Starts the server that a URL names; its data folder, user and database are made if they are missing.
    pub(super) async fn start(
        repo: &Repo,
        env: &EnvName,
        url: &PostgresUrl,
        lock: &Lock,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let home = Home::of(repo, env)?;
        let programs = home.programs()?;
        // SIGINT is PostgreSQL's fast shutdown: it ends its clients' sessions and leaves clean files.
        let program = |name: &str| {
            Program::of_machine(programs.join(name), home.user, Signal::INT, Some(lock.for_children()))
        };
        if !home.data().is_dir() {
            progress.step("making the PostgreSQL data folder");
            make_data(&home, &program("initdb")).await?;
        }
        provision(repo, env, &home, &program("postgres"), url).await?;
        progress.step("starting PostgreSQL");
        let slot = Slot {
            name: "postgres".into(),
            program: program("postgres"),
            args: arguments(&home, url.port),
            ready: Ready::Says("database system is ready to accept connections"),
            stop: Signal::INT,
        };
        let running = slot.start(None).await.map_err(|error| {
            error.next(format!("if port {} is taken: choose another services.postgres.port in k8s/envs/{env}.toml and run `cargo xtask down --env {env} --data`", url.port))
        })?;
        Ok(Self { slot, running })
    }

    /// Keeps the server running until told to stop; then stops it.
    pub(super) async fn keep(self, stop: &watch::Receiver<bool>, progress: &dyn Progress) {
        self.slot.keep(self.running, stop.clone(), progress).await;
    }
}

fn arguments(home: &Home, port: u16) -> Vec<String> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(), // a socket's path may have 107 bytes; a checkout's may be longer
        "log_checkpoints=off".to_owned(),
    ];
    let mut arguments = vec!["-D".to_owned(), home.data().display().to_string()];
    arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    arguments
}

/// Makes the data folder under a temporary name, so that a kill leaves none that is half made.
async fn make_data(home: &Home, initdb: &Program) -> Result<()> {
    let doing = "making the PostgreSQL data folder";
    let incoming = home.folder.join("incoming");
    if incoming.exists() {
        fs::remove_dir_all(&incoming).doing(|| doing)?;
    }
    let folder = incoming.display().to_string();
    let args = ["-D", &folder, "--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8"];
    once(initdb, doing, &args.map(str::to_owned), "", &mut |_| {}).await?;
    // The superuser has no password and cannot log in: it is used in single-user mode alone.
    let access = "host all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(incoming.join("pg_hba.conf"), access).doing(|| doing)?;
    fs::rename(&incoming, home.data()).and_then(|()| durable::sync_folder(&home.folder)).doing(|| doing)
}

/// Makes the URL's user and database, and sets the password, in PostgreSQL's single-user mode: no network, no
/// other password. Done again only when the URL has changed.
async fn provision(
    repo: &Repo,
    env: &EnvName,
    home: &Home,
    postgres: &Program,
    url: &PostgresUrl,
) -> Result<()> {
    let doing = "making the PostgreSQL user and database";
    let mark = super::lock::folder(repo, env).join("postgres-provisioned");
    let wanted = Digest::of(format!(
        "{}\n{}\n{}\n{}",
        home.data().display(),
        url.user,
        url.database,
        url.password.expose()
    ));
    if fs::read_to_string(&mark).is_ok_and(|known| known == wanted.to_string()) {
        return Ok(());
    }
    let data = home.data().display().to_string();
    let args = ["--single", "-j", "-D", &data, "postgres"].map(str::to_owned);
    once(postgres, doing, &args, &statements(url), &mut |_| {}).await?;
    durable::replace(&mark, wanted.to_string().as_bytes(), 0o600).doing(|| doing)
}

/// Single-user mode goes on after an error, so what is there already does no harm. With -j, a statement ends
/// with a semicolon and an empty line.
fn statements(url: &PostgresUrl) -> String {
    let (user, database) = (identifier(&url.user), identifier(&url.database));
    let password = url.password.expose().replace('\'', "''");
    format!(
        "CREATE ROLE {user};\n\nALTER ROLE {user} LOGIN PASSWORD '{password}';\n\nCREATE DATABASE {database} OWNER {user};\n\n"
    )
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
