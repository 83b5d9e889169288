//! A service of one route and one variable, and how to run it: this very test program is it, too.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Child, Command, ExitCode, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use axum::{Router, routing::get};
use chassis::{
    Identity, OneOff, Process, Service,
    config::{Need, Reader, Variable, Word},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const GREETING: Variable<Word> = Variable::new("GREETING", Word, Need::Default("Hello"), "what is answered");

fn hello() -> Service {
    let web = Process::web(
        "web",
        "greets over HTTP",
        |from: &mut Reader| from.read(&GREETING),
        |_, greeting| Ok(Router::new().route("/", get(async move || greeting))),
    );
    let fail = OneOff::new(
        "fail",
        "Fail",
        |from| from.read(&GREETING),
        async |_, (), greeting| Err(format!("{greeting} is not enough").into()),
    );
    Service::new(Identity::new("hello-world", "1.2.3"), "Greets").process(web).one_off(fail)
}

/// The arguments, in the environment of a process that is to be the service.
const ARGUMENTS: &str = "HELLO_WORLD_ARGUMENTS";

/// Whether a process did not succeed: then this test fails in it, with another exit code.
const UNSUCCESSFUL: i32 = 101;

/// How long anything may take that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn is_the_service_where_it_is_asked_to() {
    let Ok(arguments) = env::var(ARGUMENTS) else { return };
    let code = hello().run_with(["hello-world"].into_iter().chain(arguments.split(' ')));
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
}

/// The service with these arguments, and with no environment but these variables.
pub(crate) fn command(arguments: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--quiet", "--nocapture", "--exact", "program::is_the_service_where_it_is_asked_to"]);
    command.env_clear().env(ARGUMENTS, arguments).envs(variables.iter().copied());
    command
}

/// What a process that ends by itself wrote.
pub(crate) fn run(arguments: &str, variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().unwrap()
}

pub(crate) fn succeeded(status: ExitStatus) -> bool {
    assert!(status.success() || status.code() == Some(UNSUCCESSFUL), "{status}");
    status.success()
}

/// A running web process.
pub(crate) struct Web {
    child: Child,
    log: Receiver<Value>,
}

impl Web {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::spawn(command("web", &with_defaults(variables)))
    }

    /// On a socket that is handed down to it.
    pub(crate) fn start_on(socket: &TcpListener) -> Self {
        // The shell moves its standard input to where the socket is looked for.
        let direct = command("web", &with_defaults(&[("LISTEN_FDS", "1")]));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null"]).arg(direct.get_program());
        command.args(direct.get_args()).env_clear();
        command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, log) = channel();
        thread::spawn(move || {
            // What the test's own harness says is no line of the log.
            let said = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
            said.take_while(|line: &Value| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        Self { child, log }
    }

    /// Waits for a line of the log.
    pub(crate) fn logged(&self, message: &str) -> Value {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{message} is not logged"));
            if line["message"] == message {
                return line;
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.logged("listening")["address"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn terminate(&self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
    }

    pub(crate) fn ended_well(mut self) -> bool {
        succeeded(self.child.wait().unwrap())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_defaults<'a>(variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let defaults =
        [("PORT", "0"), ("BIND_ADDRESS", "127.0.0.1"), ("DRAIN_DELAY", "0s"), ("LOG_LEVEL", "info")];
    defaults.iter().chain(variables).copied().collect()
}

/// Asks on a connection of its own. Nothing if nobody listens; a connection that is taken must be answered.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
    Some(answer)
}
