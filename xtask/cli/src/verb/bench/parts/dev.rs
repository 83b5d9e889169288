//! From a saved file to the change being served, beside what compiles the same and starts nothing, the watcher that many
//! use, and `up`.

use std::{
    fs,
    io::{Read, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, time::sleep};
use xtask_contract::{Context, Error, Progress, Result, deploy::Text};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    place,
    process::{Patience, Running, free_port},
};

const SERVED: What = What::least("a saved route is served", Unit::Seconds, Goal::Value(2.0));
const BUILT: What = What::least("the same, beside the compiler alone", Unit::Seconds, Goal::Value(2.0));
const UP: What = What::least("the same by up", Unit::Seconds, Goal::Value(45.0));

/// A line of a route that shows in its answers.
const FILE: &str = "todo-api/src/page.rs";
const LINE: &str = "const HTML: &str = \"text/html; charset=utf-8";

/// A first compile is done after this, also on a busy machine.
const PATIENCE: Patience = Patience { all: Duration::from_hours(1), pause: Duration::from_millis(100) };
/// How often the service is asked whether it has changed.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) async fn figures(bench: &Bench<'_>, url: &str) -> Result<Vec<Figure>> {
    let written = Written::make(bench, url).await?;
    let ours = written.by_the_loop().await?;
    let compiled = written.compiled().await?;
    let watched = match bench.lacks("watchexec", &["--version"]).await {
        None => written.watched(url).await?,
        Some(why) => {
            bench.skip("a saved route served by watchexec and cargo run", &why);
            Vec::new()
        }
    };
    let figures = [
        SERVED.beside(&ours, "watchexec, cargo run", &watched),
        BUILT.beside(&ours, "cargo build", &compiled),
        UP.of(&written.by_up().await?),
    ];
    Ok(figures.into_iter().flatten().collect())
}

/// A clone in which the service is written.
struct Written<'a> {
    bench: &'a Bench<'a>,
    clone: PathBuf,
    port: u16,
    /// The line's file as it is committed.
    text: String,
    toolchain: PathBuf,
}

impl<'a> Written<'a> {
    async fn make(bench: &'a Bench<'a>, url: &str) -> Result<Self> {
        let (from, clone) = (bench.repo.root().display().to_string(), bench.place.path("clone"));
        bench.call("git", &["clone", "--quiet", "--shared", &from, &clone.display().to_string()]).await?;
        let port = free_port()?;
        place::edit(&clone, "local", |deploy| {
            deploy.config.insert("PORT".into(), Text(port.to_string()));
            // The measurement's own server is attached.
            deploy.services.postgres = None;
        })?;
        let text = fs::read_to_string(clone.join(FILE)).doing(|| format!("reading {FILE}"))?;
        if !text.contains(LINE) {
            return Err(Error::failed(
                "measuring the loop",
                format!("{FILE} has no line that begins with {LINE}"),
            ));
        }
        let toolchain = std::env::current_exe().doing(|| "looking for this program")?;
        let written = Self { bench, clone, port, text, toolchain };
        written.seal(url).await?;
        Ok(written)
    }

    async fn seal(&self, url: &str) -> Result<()> {
        let doing = || "sealing the database's URL";
        let mut set = self.bench.program(&self.toolchain);
        set.args(["config", "set", "--secret", "DATABASE_URL"])
            .current_dir(&self.clone)
            .stdin(Stdio::piped());
        let mut set = set.stdout(Stdio::null()).stderr(Stdio::null()).spawn().doing(doing)?;
        if let Some(mut input) = set.stdin.take() {
            input.write_all(url.as_bytes()).await.doing(doing)?;
        }
        let status = set.wait().await.doing(doing)?;
        if status.success() { Ok(()) } else { Err(Error::failed(doing(), format!("it ended with {status}"))) }
    }

    /// Saves the line with a mark that no save had before.
    fn save(&self, mark: &str) -> Result<()> {
        let text = self.text.replacen(LINE, &format!("{LINE}; save={mark}"), 1);
        fs::write(self.clone.join(FILE), text).doing(|| format!("saving {FILE}"))
    }

    /// Saves it again and again, and tells how long it takes until each is served.
    async fn saved(&self, by: &str) -> Result<Vec<f64>> {
        let mut seconds = Vec::new();
        for run in 0..=self.bench.runs {
            let mark = format!("{by}-{run}");
            let from = Instant::now();
            self.save(&mark)?;
            while !self.is_served(&mark) {
                if from.elapsed() > PATIENCE.all {
                    return Err(Error::failed(
                        "measuring the loop",
                        format!("{by} does not serve what was saved"),
                    ));
                }
                sleep(PAUSE).await;
            }
            // The first one compiles more than was saved.
            if run > 0 {
                seconds.push(from.elapsed().as_secs_f64());
            }
            // Developers look at the result before they save again.
            sleep(Duration::from_secs(1)).await;
        }
        Ok(seconds)
    }

    fn is_served(&self, mark: &str) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.contains(&format!("save={mark}\r\n")))
    }

    async fn by_the_loop(&self) -> Result<Vec<f64>> {
        self.bench.ui.step("measuring the loop, which compiles the service quickly");
        let mut dev = self.start("cargo xtask dev", Command::new(&self.toolchain).arg("dev"))?;
        dev.0.until_ready("the loop", "/readyz", PATIENCE).await?;
        let seconds = self.saved("dev").await?;
        Ok(seconds)
    }

    /// The compiler alone.
    async fn compiled(&self) -> Result<Vec<f64>> {
        self.bench.ui.step("measuring the compiler alone");
        let mut seconds = Vec::new();
        for run in 0..=self.bench.runs {
            self.save(&format!("compiled-{run}"))?;
            let from = Instant::now();
            let manifest = self.clone.join("Cargo.toml").display().to_string();
            let args = ["build", "--quiet", "--package", "todo-api", "--manifest-path", &manifest];
            self.bench.call("cargo", &args).await?;
            if run > 0 {
                seconds.push(from.elapsed().as_secs_f64());
            }
        }
        Ok(seconds)
    }

    /// The usual watcher.
    async fn watched(&self, url: &str) -> Result<Vec<f64>> {
        self.bench.ui.step("measuring watchexec with cargo run");
        let mut watchexec = Command::new("watchexec");
        watchexec
            .args(["--restart", "--watch", "todo-api", "--watch", "chassis", "--", "cargo", "run", "--quiet"])
            .args(["--package", "todo-api", "--", "web"])
            .envs([("DATABASE_URL", url), ("PORT", &self.port.to_string()), ("BIND_ADDRESS", "127.0.0.1")])
            .env("DRAIN_DELAY", "0s");
        let mut watched = self.start("watchexec", &mut watchexec)?;
        watched.0.until_ready("watchexec", "/readyz", PATIENCE).await?;
        self.saved("watchexec").await
    }

    /// `up`, beside a loop that it takes over from.
    async fn by_up(&self) -> Result<Vec<f64>> {
        self.bench.ui.step("measuring up");
        let mut seconds = Vec::new();
        let mut up =
            self.start("cargo xtask up", Command::new(&self.toolchain).args(["up", "--allow-dirty"]))?;
        up.0.until_ready("up", "/readyz", PATIENCE).await?;
        // A compile of so long is measured once.
        self.save("up")?;
        let from = Instant::now();
        let mut again = self.bench.program(&self.toolchain);
        let status = again.args(["up", "--allow-dirty"]).current_dir(&self.clone).output().await;
        let status = status.doing(|| "running cargo xtask up")?.status;
        if !status.success() || !self.is_served("up") {
            return Err(Error::failed("measuring up", format!("it ended with {status}")));
        }
        seconds.push(from.elapsed().as_secs_f64());
        Ok(seconds)
    }

    fn start(&self, what: &str, command: &mut Command) -> Result<Ended> {
        command
            .current_dir(&self.clone)
            .env("TMPDIR", self.bench.place.temporary())
            .env_remove("CARGO_TARGET_DIR");
        place::without_cargos_own(command);
        Running::start_group(what, command, self.port).map(Ended)
    }
}

/// Dropped, it ends in good order.
struct Ended(Running);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.stop_group();
    }
}
