//! A deploy of the experiments' own: the config of one of the project's, in a folder of its own, with databases of its own.
//! There is neither source nor compiler in that folder.

mod place;

use std::{
    cell::Cell,
    fs, io,
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use xtask_contract::{
    BuildRecord, Context, EnvName, Error, Layout, Progress, ReleaseId, Repo, Result,
    service::{ProcessType, Service},
};

use crate::{
    empty_root::EmptyRoot,
    system::Process,
    toolchain::{Called, Staying, Toolchain},
};
use place::Place;

/// What is there for all experiments.
pub(crate) struct Stage<'a> {
    /// The project.
    pub(crate) repo: &'a Repo,
    pub(crate) env: &'a EnvName,
    pub(crate) record: BuildRecord,
    pub(crate) layout: Layout,
    pub(crate) service: Service,
    /// The port that the deploy serves at.
    pub(crate) port: u16,
    pub(crate) toolchain: Toolchain,
    /// The deploy's folder, as a project.
    pub(crate) project: Repo,
    pub(crate) root: EmptyRoot,
    pub(crate) progress: &'a dyn Progress,
    run: Option<Staying>,
    /// A number that no text had before.
    number: Cell<u32>,
    stop: Arc<AtomicBool>,
    // Deleted last.
    place: Place,
}

/// A process of the deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// `web.1`.
    pub(crate) name: String,
    pub(crate) process: Process,
}

/// The two database servers of the deploy, as deploys of their own that have nothing else.
pub(crate) const SERVERS: [&str; 2] = ["server-a", "server-b"];

impl<'a> Stage<'a> {
    /// Makes it, and starts it.
    pub(crate) fn set(
        (repo, env): (&'a Repo, &'a EnvName),
        program: PathBuf,
        stop: Arc<AtomicBool>,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let record = BuildRecord::newest(repo)?;
        let layout = Layout::at(repo.images());
        let service = layout.description(&record.digest)?;
        progress.step("making a deploy of its own");
        let place = Place::make(repo, env, &service, &record)?;
        let toolchain =
            Toolchain { program, folder: place.project.root().to_owned(), home: place.folder.join("home") };
        let root = EmptyRoot::make(&place.folder.join("root"), &layout, &record.digest)?;
        let (port, project) = (place.port, place.project.clone());
        let mut stage = Self {
            repo,
            env,
            record,
            layout,
            service,
            port,
            toolchain,
            project,
            root,
            progress,
            run: None,
            number: Cell::new(0),
            stop,
            place,
        };
        stage.seal()?;
        stage.attach_first()?;
        stage.start()?;
        Ok(stage)
    }

    /// Seals what the project's deploy has sealed, for this one's own identity.
    fn seal(&self) -> Result<()> {
        for (name, secret) in &self.place.secrets {
            let env = self.env.as_str();
            self.toolchain.done(&["config", "set", "--secret", name, "--env", env], secret.expose())?;
        }
        Ok(())
    }

    /// Starts the database servers, and has the deploy begin with the first one.
    fn attach_first(&self) -> Result<()> {
        if !self.has_database() {
            return Ok(());
        }
        for server in SERVERS {
            self.progress.step(&format!("starting {server}"));
            self.toolchain.done(&["services", "up", "postgres", "--env", server], "")?;
        }
        self.attach(SERVERS[0])
    }

    /// Whether the service has a database that the deploy's file names the variable of.
    pub(crate) fn has_database(&self) -> bool {
        self.place.database.is_some()
    }

    /// Points the deploy at one of its servers, from its next release on.
    pub(crate) fn attach(&self, server: &str) -> Result<()> {
        let Some(variable) = &self.place.database else { return Ok(()) };
        let url = self.toolchain.done(&["config", "get", variable, "--reveal", "--env", server], "")?;
        let env = self.env.as_str();
        self.toolchain.done(&["services", "attach", "postgres", "-", "--env", env], url.trim()).map(drop)
    }

    /// The port of the server that the deploy's database is on, if it is on this machine.
    pub(crate) fn server_port(&self) -> Result<Option<u16>> {
        let Some(variable) = &self.place.database else { return Ok(None) };
        let url = self.toolchain.done(&["config", "get", variable, "--reveal", "--env", SERVERS[0]], "")?;
        let host = url.trim().rsplit('@').next().and_then(|rest| rest.split('/').next());
        Ok(host.and_then(|host| host.rsplit(':').next()?.parse().ok()))
    }

    /// Calls the toolchain in the project itself.
    pub(crate) fn of_the_project(&self, args: &[&str]) -> Result<Called> {
        let home = std::env::home_dir().unwrap_or_default();
        let there =
            Toolchain { program: self.toolchain.program.clone(), folder: self.repo.root().to_owned(), home };
        there.call(args, "")
    }

    /// Makes a release, and starts the deploy with it.
    fn start(&mut self) -> Result<()> {
        self.release()?;
        self.progress.step("starting it");
        let path = self.place.folder.join("no-tools");
        let run = self.toolchain.stays(&["run", "--env", self.env.as_str(), "--json"], &path)?;
        self.run = Some(run);
        Ok(())
    }

    /// Makes a release, and tells its ID.
    pub(crate) fn release(&self) -> Result<ReleaseId> {
        let made = self.toolchain.document(&["release", "--env", self.env.as_str()])?;
        let id = made["id"].as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Error::failed("making a release", format!("it says no ID: {made}")))
    }

    /// Has the newest release take over.
    pub(crate) fn take_over(&self) -> Result<()> {
        self.toolchain.done(&["run", "--env", self.env.as_str()], "").map(drop)
    }

    /// The deploy's release that runs.
    pub(crate) fn runs(&self) -> Result<ReleaseId> {
        let status = self.status()?;
        let id = status["release"].as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Error::failed("looking which release runs", format!("none does: {status}")))
    }

    fn status(&self) -> Result<Value> {
        self.toolchain.document(&["status", "--env", self.env.as_str()])
    }

    /// The processes of the deploy.
    pub(crate) fn processes(&self) -> Result<Vec<Running>> {
        let status = self.status()?;
        let types = status["processes"].as_array().cloned().unwrap_or_default();
        let pods = types.iter().flat_map(|one| one["pods"].as_array().cloned().unwrap_or_default());
        let running = |pod: Value| {
            let name = pod["name"].as_str()?.split(' ').next()?.to_owned();
            Some(Running { name, process: Process(u32::try_from(pod["pid"].as_u64()?).ok()?) })
        };
        Ok(pods.filter_map(running).collect())
    }

    /// Those of the type that serves.
    pub(crate) fn serving(&self) -> Result<Vec<Running>> {
        let (name, all) = (self.web()?.name.clone(), self.processes()?);
        Ok(all.into_iter().filter(|one| one.name.starts_with(&format!("{name}."))).collect())
    }

    /// The process type that serves HTTP.
    pub(crate) fn web(&self) -> Result<&ProcessType> {
        let web = self.service.processes.iter().find(|kind| kind.port.is_some());
        web.ok_or_else(|| {
            Error::refused("looking for the process type that serves", "the service has none with a port")
        })
    }

    /// Whether there can be more than one process that serves on this machine: those share a socket.
    pub(crate) fn can_scale(&self) -> Result<bool> {
        Ok(self.web()?.inherits)
    }

    /// The path that answers 200 when the service takes requests.
    pub(crate) fn readiness(&self) -> &str {
        let readiness = self.service.processes.iter().find_map(|kind| kind.readiness.as_deref());
        readiness.unwrap_or("/")
    }

    /// The path that answers 200 as long as the process is alive, also while it stops.
    pub(crate) fn liveness(&self) -> &str {
        let liveness = self.service.processes.iter().find_map(|kind| kind.liveness.as_deref());
        liveness.unwrap_or_else(|| self.readiness())
    }

    /// Has so many processes of a type.
    pub(crate) fn scale(&self, kind: &str, count: u32) -> Result<()> {
        let env = self.env.as_str();
        self.toolchain.done(&["scale", &format!("{kind}={count}"), "--env", env], "").map(drop)
    }

    /// The process of the `run` that is up.
    pub(crate) fn supervisor(&self) -> Option<Process> {
        self.run.as_ref().map(|run| Process(run.id()))
    }

    /// What the deploy's processes have written, as it was collected.
    pub(crate) fn logs(&self) -> Result<Vec<Value>> {
        let text = self.toolchain.done(&["logs", "--env", self.env.as_str(), "--json"], "")?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// What `run` has shown in the foreground so far.
    pub(crate) fn shown(&self) -> String {
        self.run.as_ref().map(Staying::said).unwrap_or_default()
    }

    /// A text that nothing else has.
    pub(crate) fn text(&self) -> String {
        let number = self.number.get() + 1;
        self.number.set(number);
        format!("proof {}-{number}", std::process::id())
    }

    /// Waits for a moment, unless somebody wants it to end.
    pub(crate) fn wait(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(
                    Error::failed("proving", "it was interrupted").next("the same command begins anew")
                );
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "the time that an experiment takes is a part of it"
            )]
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Waits until this is so, for as long as that at most; tells whether it came to be.
    pub(crate) fn wait_until(&self, most: Duration, mut is_so: impl FnMut() -> Result<bool>) -> Result<bool> {
        let until = Instant::now() + most;
        loop {
            if is_so()? {
                return Ok(true);
            }
            if Instant::now() > until {
                return Ok(false);
            }
            self.wait(Duration::from_millis(20))?;
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.run = None;
        let envs = SERVERS.iter().copied().filter(|_| self.has_database()).chain([self.env.as_str()]);
        for env in envs {
            let _ = self.toolchain.call(&["down", "--env", env, "--data", "--yes"], "");
        }
    }
}

/// A port of this machine that nobody listens at.
pub(crate) fn free_port() -> Result<u16> {
    let free = || -> io::Result<u16> { Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port()) };
    free().doing(|| "looking for a free port")
}

/// Reads a file of the project's.
pub(crate) fn read(path: &std::path::Path) -> Result<String> {
    fs::read_to_string(path).doing(|| format!("reading {}", path.display()))
}
