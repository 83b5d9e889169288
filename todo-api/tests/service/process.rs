//! Runs the binary.

use std::{
    net::SocketAddr,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use super::database::TestDatabase;

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a command to its end.
pub(crate) async fn run(process: &str, variables: &[(&str, &str)]) -> Output {
    let output = command(&[process], variables).output();
    timeout(PATIENCE, output).await.expect("the command should end").unwrap()
}

/// The binary with these arguments, and with no environment but these variables.
pub(crate) fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_todo-api"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).kill_on_drop(true);
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
        assert_eq!(service.get("/readyz").await.status(), 200);
        service
    }

    /// Starts the service, and waits until it listens.
    pub(crate) async fn start(database_url: &str, variables: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("DATABASE_URL", database_url),
            ("PORT", "0"),
            ("BIND_ADDRESS", "127.0.0.1"),
            ("DRAIN_DELAY", "0s"),
            ("LOG_LEVEL", "debug"),
        ];
        all.extend(variables);
        let mut child = command(&["web"], &all).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| log.push(line));
            }
        });
        let mut service = Self { child, log, address: SocketAddr::from(([0; 4], 0)) };
        let line = service.logged(|line| line["message"] == "listening").await;
        service.address = line["address"].as_str().unwrap().parse().unwrap();
        service
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
        reqwest::get(self.url(path)).await.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().expect("the service should run")).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub(crate) async fn exit(mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("the service should end").unwrap()
    }
}

/// Every line must be a JSON object with these fields.
fn parse(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for field in ["timestamp", "level", "message"] {
        assert!(value[field].is_string(), "{line}");
    }
    value
}
