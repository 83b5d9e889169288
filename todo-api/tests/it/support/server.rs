//! A PostgreSQL server of a test's own, which can be killed and put on another address.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio::{process::Child, time::sleep};
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::{
    database::connect,
    needs::{missing, nobody},
    process::PATIENCE,
};

/// How long to wait until it is asked again how it stands.
const AGAIN: Duration = Duration::from_millis(20);

/// Where the programs of a server are.
const PROGRAMS: &str = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";

/// Whom it lets in.
const LETS_IN: &str = "host all all all scram-sha-256\n";

/// A server that runs as long as this value exists, unless it is killed in between.
pub(crate) struct TestServer {
    programs: PathBuf,
    folder: PathBuf,
    address: String,
    port: u16,
    /// Its port is open to all users of this machine.
    password: String,
    user: Option<u32>,
    child: Option<Child>,
}

impl TestServer {
    /// A new server, if the programs of the one that the tests have are on this machine.
    pub(crate) async fn start(address: &str) -> Option<Self> {
        let url = env::var("TEST_DATABASE_URL").expect("these tests need PostgreSQL: run `cargo xtask test`");
        let tests = connect(&url).await.unwrap();
        let programs: String = tests.query_one_scalar(PROGRAMS, &[]).await.unwrap();
        let programs = PathBuf::from(programs);
        if !programs.join("initdb").exists() {
            missing("a PostgreSQL server whose programs are on this machine");
            return None;
        }
        let folder = env::temp_dir().join(format!("todo-api-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).unwrap();
        // PostgreSQL refuses to be root.
        let user = geteuid().is_root().then(nobody);
        chown(&folder, user, user).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let mut server = Self {
            programs,
            folder,
            address: address.into(),
            port: free_port(address),
            password: Uuid::now_v7().simple().to_string(),
            user,
            child: None,
        };
        let password = server.folder.join("password");
        fs::write(&password, &server.password).unwrap();
        let initdb = ["--username=postgres", "--auth=scram-sha-256", "--no-sync", "--no-instructions"];
        let mut command = server.command("initdb");
        command.args(initdb).arg("--pwfile").arg(password).arg("--pgdata").arg(server.data());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::write(server.data().join("pg_hba.conf"), LETS_IN).unwrap();
        server.run().await;
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        let Self { address, port, password, .. } = self;
        format!("postgres://postgres:{password}@{address}:{port}/postgres?sslmode=disable")
    }

    /// Restarts it with TLS, with this certificate and key. It lets in the user of this name, which is new, with a certificate of
    /// that authority instead of a password.
    pub(crate) async fn speak_tls(&mut self, certificate: &Path, key: &Path, authority: &Path, user: &str) {
        let create = format!("CREATE ROLE {user} LOGIN");
        self.connect().await.batch_execute(&create).await.unwrap();
        self.kill().await;
        for (from, name) in [(certificate, "server.crt"), (key, "server.key"), (authority, "ca.crt")] {
            let to = self.data().join(name);
            fs::copy(from, &to).unwrap();
            chown(&to, self.user, self.user).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let lets_in = format!("hostssl all {user} all cert\n{LETS_IN}");
        fs::write(self.data().join("pg_hba.conf"), lets_in).unwrap();
        let settings = "ssl = on\nssl_ca_file = 'ca.crt'\n";
        fs::write(self.data().join("postgresql.auto.conf"), settings).unwrap();
        self.run().await;
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// Ends it at once, without a word to anybody, and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill().await;
        self.run().await;
    }

    /// Ends it, so that there is none any more.
    pub(crate) async fn is_gone(&mut self) {
        self.kill().await;
        // Its children listen for a moment longer.
        while connect(&self.url()).await.is_ok() {
            sleep(AGAIN).await;
        }
    }

    /// Starts it again as one that refuses everybody as a server does while it starts, until it is told otherwise:
    /// as a standby that answers no questions.
    pub(crate) async fn restart_and_let_nobody_in(&mut self) {
        self.kill().await;
        fs::write(self.data().join("standby.signal"), "").unwrap();
        fs::write(self.data().join("postgresql.auto.conf"), "hot_standby = off\n").unwrap();
        self.run_until(|answer| match answer {
            Err(error) => {
                error.as_db_error().is_some_and(|it| it.message().contains("not accepting connections"))
            }
            Ok(_) => panic!("it lets people in"),
        })
        .await;
    }

    /// Ends that.
    pub(crate) fn let_in(&self) {
        let mut command = self.command("pg_ctl");
        let output = command.args(["promote", "--no-wait", "--pgdata"]).arg(self.data()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    async fn kill(&mut self) {
        let mut child = self.child.take().expect("the server should run");
        let id = i32::try_from(child.id().expect("the server should run")).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
        child.wait().await.unwrap();
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        self.run_until(Result::is_ok).await;
    }

    /// Starts it, and again if the children of a killed one are not gone yet, until an attempt to connect ends so.
    async fn run_until(&mut self, wanted: impl Fn(&Result<Client, Error>) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
                self.child = Some(self.spawn());
            }
            if wanted(&connect(&self.url()).await) {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not start: see {}", self.log().display());
            sleep(AGAIN).await;
        }
    }

    fn spawn(&self) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            // Processes die here, not the machine: the kernel keeps what was written, and starting again is quick.
            .args(["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", "max_connections=200"])
            .args(["-c", &format!("listen_addresses={}", self.address), "-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap()
    }

    fn command(&self, program: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.programs.join(program));
        command.env_clear().env("LC_ALL", "C").current_dir("/");
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // With its children, which would go on writing into a folder that is gone.
        let mut command = self.command("pg_ctl");
        let _ = command.args(["stop", "--silent", "--mode=immediate", "--pgdata"]).arg(self.data()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port(address: &str) -> u16 {
    std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}
