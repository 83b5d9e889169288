//! A deploy's own PostgreSQL server on this machine, as a process beside the others: durable (fsync is on),
//! on loopback only, with a password.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    os::fd::RawFd,
    path::PathBuf,
};

use rustix::process::Signal;
use xtask_contract::{Context, Digest, EnvName, Error, Progress, Repo, Result, durable};

use crate::{
    child::Program,
    lock::Lock,
    postgres_home::Home,
    postmaster::Postmaster,
    process_handle::ProcessHandle,
    running::{Running, once},
    server_lock::ServerLock,
    slot::{Ready, Slot},
    task_set::TaskSet,
};
use xtask_run::{PostgresUrl, ports};

/// A server that takes connections, and that ends with this process.
pub(crate) struct Server {
    slot: Slot,
    running: Running,
    lock: File,
}

impl Server {
    /// Starts the server that a URL names, unless it runs already: then it is used, and left running.
    pub(crate) async fn start(
        repo: &Repo,
        env: &EnvName,
        url: &PostgresUrl,
        lock: &Lock,
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let server_lock = ServerLock::take(repo, env, progress).await?;
        let home = Home::of(repo, env)?;
        if let Some(running) = server_lock.running(&home.data()).await? {
            check_fit(env, &home, running, url)?;
            return Ok(None);
        }
        check_port(env, url.port)?;
        let held = [lock.for_children(), server_lock.for_server()];
        let programs = Programs::of(&home, &held)?;
        prepare(&home, &programs, url, progress).await?;
        progress.step("starting PostgreSQL");
        let mut args = vec!["-D".to_owned(), home.data().display().to_string()];
        args.extend(settings(url.port));
        let ready = Ready::Says("database system is ready to accept connections");
        let slot = Slot::new("postgres".into(), programs.get("postgres"), args, ready, Signal::INT);
        let running = slot.start().await.map_err(|error| error.next(says_why(&home)))?;
        Ok(Some(Self { slot, running, lock: server_lock.end() }))
    }

    /// Keeps the server running.
    pub(crate) fn keep<'a>(self, task_set: &TaskSet<'a>, progress: &'a dyn Progress) -> ProcessHandle {
        ProcessHandle::adopt(task_set, self.slot, self.running, self.lock, progress)
    }
}

/// Starts the server that a URL names so that it outlives this process, and waits until it takes connections.
pub(crate) async fn start_detached(
    env: &EnvName,
    home: &Home,
    url: &PostgresUrl,
    server_lock: &ServerLock,
    progress: &dyn Progress,
) -> Result<()> {
    check_port(env, url.port)?;
    let doing = "starting PostgreSQL";
    let held = [server_lock.for_server()];
    let programs = Programs::of(home, &held)?;
    prepare(home, &programs, url, progress).await?;
    progress.step(doing);
    let (log, said_before) = (home.log(), fs::read(home.log()).map_or(0, |said| said.len()));
    // PostgreSQL's own tool makes it a session of its own. Killed while it waits, it stops the server again.
    let (data, to) = (home.data().display().to_string(), log.display().to_string());
    let options = settings(url.port).join(" ");
    let args = ["start", "-s", "-w", "-t", "60", "-D", &data, "-l", &to, "-o", &options].map(str::to_owned);
    once(&programs.get("pg_ctl"), doing, &args, "", None, &mut |_| {}).await.map_err(|mut error| {
        let said = fs::read(&log).unwrap_or_default();
        let said = String::from_utf8_lossy(said.get(said_before..).unwrap_or_default());
        let said: String = said.lines().map(|line| "\n    ".to_owned() + line).collect();
        error.why.push(format!("its log {} says:{said}", log.display()));
        error.next(says_why(home))
    })
}

/// Refuses a server that runs already but is not the one that a URL names.
pub(crate) fn check_fit(env: &EnvName, home: &Home, running: Postmaster, url: &PostgresUrl) -> Result<()> {
    let why = if running.port != url.port {
        format!("it runs on port {}, not on {}", running.port, url.port)
    } else if !is_provisioned(home, url) {
        "it runs with another user, password or database".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::refused(format!("using the PostgreSQL server of {env}"), why).next(format!(
        "stop it with `cargo xtask services down postgres --env {env}`; the same command then starts it as it is to be"
    )))
}

/// The programs of the version that the data are of.
struct Programs<'a> {
    folder: PathBuf,
    home: &'a Home,
    held: &'a [RawFd],
}

impl<'a> Programs<'a> {
    fn of(home: &'a Home, held: &'a [RawFd]) -> Result<Self> {
        Ok(Self { folder: home.programs()?, home, held })
    }

    fn get(&self, name: &str) -> Program {
        // SIGINT is PostgreSQL's fast shutdown: it ends its clients' sessions and leaves clean files.
        Program::of_machine(self.folder.join(name), self.home.user, Signal::INT, self.held)
    }
}

/// Makes what is missing: the data folder, the URL's user and database.
async fn prepare(
    home: &Home,
    programs: &Programs<'_>,
    url: &PostgresUrl,
    progress: &dyn Progress,
) -> Result<()> {
    if !home.data().is_dir() {
        progress.step("making the PostgreSQL data folder");
        make_data(home, &programs.get("initdb")).await?;
    }
    provision(home, &programs.get("postgres"), url).await
}

/// The server's settings, each as two arguments. None has a character that a shell would take amiss.
fn settings(port: u16) -> Vec<String> {
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(), // a socket's path may have 107 bytes; a checkout's may be longer
        "log_checkpoints=off".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// Refuses if somebody else listens at the server's port: before anything is made, and in other words than the server's.
pub(crate) fn check_port(env: &EnvName, port: u16) -> Result<()> {
    ports::free((Ipv4Addr::LOCALHOST, port).into()).map_err(|error| {
        let doing = format!("opening port {port} for the PostgreSQL server of {env}");
        Error::refused(doing, ports::why(&error)).next(format!(
            "`ss -ltnp 'sport = :{port}'` shows which one: stop it; or set another services.postgres.port in \
             k8s/envs/{env}.toml and make a new release, whose server has the same data"
        ))
    })
}

/// What to do about a server that does not start.
fn says_why(home: &Home) -> String {
    format!("correct what it says; its data are in {}", home.data().display())
}

/// Makes the data folder under a temporary name, so that a kill leaves none that is half made.
async fn make_data(home: &Home, initdb: &Program) -> Result<()> {
    let doing = "making the PostgreSQL data folder";
    let incoming = home.folder.join("incoming");
    if incoming.exists() {
        fs::remove_dir_all(&incoming).doing(|| doing)?;
    }
    if home.provisioned().exists() {
        fs::remove_file(home.provisioned()).doing(|| doing)?;
    }
    let folder = incoming.display().to_string();
    let args = ["-D", &folder, "--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8"];
    once(initdb, doing, &args.map(str::to_owned), "", None, &mut |_| {}).await?;
    // The superuser has no password and cannot log in: it is used in single-user mode alone.
    let access = "host all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(incoming.join("pg_hba.conf"), access).doing(|| doing)?;
    fs::rename(&incoming, home.data()).and_then(|()| durable::sync_folder(&home.folder)).doing(|| doing)
}

/// Makes the URL's user and database, and sets the password, in PostgreSQL's single-user mode: no network, no
/// other password. Done again only when the URL has changed.
async fn provision(home: &Home, postgres: &Program, url: &PostgresUrl) -> Result<()> {
    if is_provisioned(home, url) {
        return Ok(());
    }
    let doing = "making the PostgreSQL user and database";
    let data = home.data().display().to_string();
    let args = [&["--single", "-j", "-D", &data][..], &SETTINGS_OF_ONE, &["postgres"]].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let mut refused = Vec::new();
    let mut hear = |line: &str| refused.extend(refusal(line).map(str::to_owned));
    once(postgres, doing, &args, &statements(url), None, &mut hear).await?;
    refused.dedup();
    if !refused.is_empty() {
        return Err(Error::refused_for(doing, refused).next("seal a URL with another user or database"));
    }
    durable::replace(&home.provisioned(), mark(url).as_bytes(), 0o600).doing(|| doing)
}

fn is_provisioned(home: &Home, url: &PostgresUrl) -> bool {
    fs::read_to_string(home.provisioned()).is_ok_and(|known| known == mark(url))
}

fn mark(url: &PostgresUrl) -> String {
    Digest::of(format!("{}\n{}\n{}", url.user, url.database, url.password.expose())).to_string()
}

/// Each line tells its SQLSTATE first, and none repeats a statement, which has the password.
const SETTINGS_OF_ONE: [&str; 4] = ["-c", "log_line_prefix=%e ", "-c", "log_min_error_statement=panic"];
/// `duplicate_object` and `duplicate_database`: what is there already does no harm.
const THERE_ALREADY: [&str; 2] = ["42710", "42P04"];

/// What a line says that single-user mode has refused. It goes on after an error, and ends well.
fn refusal(line: &str) -> Option<&str> {
    let (state, said) = line.split_once(' ')?;
    let said = said.strip_prefix("ERROR:").or_else(|| said.strip_prefix("FATAL:"))?;
    (!THERE_ALREADY.contains(&state)).then(|| said.trim())
}

/// With -j, a statement ends with a semicolon and an empty line.
fn statements(url: &PostgresUrl) -> String {
    let (user, database) = (identifier(&url.user), identifier(&url.database));
    let password = url.password.expose().replace('\'', "''");
    format!(
        "CREATE ROLE {user};\n\nALTER ROLE {user} LOGIN PASSWORD '{password}';\n\nCREATE DATABASE {database};\n\n\
         ALTER DATABASE {database} OWNER TO {user};\n\n"
    )
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_counts_but_that_something_is_there_already() {
        assert_eq!(refusal("42710 ERROR:  role \"greeter\" already exists"), None);
        assert_eq!(refusal("42P04 ERROR:  database \"greeter\" already exists"), None);
        assert_eq!(refusal("00000 LOG:  database system is ready"), None);
        assert_eq!(refusal("42939 DETAIL:  Role names starting with \"pg_\" are reserved."), None);
        let reserved = "42939 ERROR:  role name \"pg_todo\" is reserved";
        assert_eq!(refusal(reserved), Some("role name \"pg_todo\" is reserved"));
        assert_eq!(refusal("53100 FATAL:  could not write"), Some("could not write"));
    }
}
