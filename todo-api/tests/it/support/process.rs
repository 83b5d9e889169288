//! Runs the binary.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use super::database::TestDatabase;

pub(crate) fn client() -> Client {
    choose_tls();
    Client::new()
}

/// Every client of reqwest could speak TLS when it is built together with the rest of the workspace, and wants to
/// know with what before it is made.
pub(crate) fn choose_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// With these a busy machine is no reason for a 503. What is about time sets its own.
pub(crate) const PATIENT: [(&str, &str); 3] =
    [("DATABASE_ACQUIRE_TIMEOUT", "30s"), ("DATABASE_STATEMENT_TIMEOUT", "30s"), ("REQUEST_TIMEOUT", "1m")];

/// Runs a command to its end; space divides its arguments.
pub(crate) async fn run(arguments: &str, variables: &[(&str, &str)]) -> Output {
    let arguments: Vec<_> = arguments.split(' ').collect();
    let output = command(&arguments, variables).output();
    timeout(PATIENCE, output).await.expect("the command should end").unwrap()
}

/// The lines that a command wrote, each of which must be one of the log.
pub(crate) fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
}

/// The binary with these arguments, and with no environment but these variables.
pub(crate) fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_todo-api"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).kill_on_drop(true);
    command
}

/// The same, at the end of another command line.
pub(crate) fn command_after(prefix: &[String], arguments: &[&str]) -> Command {
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).arg(env!("CARGO_BIN_EXE_todo-api")).args(arguments).kill_on_drop(true);
    // To be found, it needs a path.
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command
}

/// A running web process.
pub(crate) struct Service {
    child: Child,
    log: watch::Receiver<Vec<String>>,
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Starts the service on a migrated database, and waits until it is ready.
    pub(crate) async fn ready(database: &TestDatabase, variables: &[(&str, &str)]) -> Self {
        let service = Self::start(&database.url(), variables).await;
        service.until_ok("/readyz").await;
        service
    }

    /// Starts the service, and waits until it listens.
    pub(crate) async fn start(database_url: &str, variables: &[(&str, &str)]) -> Self {
        Self::run(command(&["web"], &[]), database_url, variables).await
    }

    /// Starts it by this command, and waits until it listens.
    pub(crate) async fn run(mut command: Command, database_url: &str, variables: &[(&str, &str)]) -> Self {
        command.envs(with_defaults(database_url, variables));
        let mut service = Self::spawn(command);
        let line = service.logged(|line| line["message"] == "listening").await;
        service.address = line["address"].as_str().unwrap().parse().unwrap();
        service
    }

    /// Starts the service with a socket handed down to it, in systemd's way.
    pub(crate) fn start_on(socket: &TcpListener, database_url: &str, variables: &[(&str, &str)]) -> Self {
        let mut variables = with_defaults(database_url, variables);
        variables.push(("LISTEN_FDS", "1"));
        // The shell moves its standard input to where the socket is looked for.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" web 3<&0 </dev/null", env!("CARGO_BIN_EXE_todo-api")]);
        command.env_clear().envs(variables).kill_on_drop(true);
        command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
        Self { address: socket.local_addr().unwrap(), ..Self::spawn(command) }
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| log.push(line));
            }
        });
        Self { child, log, address: SocketAddr::from(([0; 4], 0)) }
    }

    /// Waits for a log line.
    pub(crate) async fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let find = |log: &Vec<String>| log.iter().map(|line| parse(line)).find(&wanted);
        let mut log = self.log.clone();
        let found = timeout(PATIENCE, log.wait_for(|log| find(log).is_some())).await;
        match found {
            Ok(Ok(log)) => find(&log).unwrap(),
            _ => panic!("not logged; the log is {:#?}", *self.log.borrow()),
        }
    }

    /// All that was logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        client().get(self.url(path)).send().await.unwrap()
    }

    /// Waits until this is answered as hoped.
    pub(crate) async fn until_ok(&self, path: &str) {
        let ok = async { while self.get(path).await.status() != 200 {} };
        timeout(PATIENCE, ok).await.unwrap_or_else(|_| panic!("{path} is not answered with 200"));
    }

    /// How much of the machine's memory it has, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that it ever had.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("the service should run")
    }

    /// Whether the process that was started still is.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) async fn exit(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("the service should end").unwrap()
    }
}

fn with_defaults<'a>(database_url: &'a str, variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("DATABASE_URL", database_url),
        ("PORT", "0"),
        ("BIND_ADDRESS", "127.0.0.1"),
        ("DRAIN_DELAY", "0s"),
        ("LOG_LEVEL", "debug"),
    ];
    all.extend(PATIENT);
    all.extend(variables);
    all
}

/// Every line must be a JSON object with these fields.
fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for field in ["timestamp", "level", "message"] {
        assert!(value[field].is_string(), "{line}");
    }
    value
}
