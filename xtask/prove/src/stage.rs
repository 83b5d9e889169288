//! What is there for all experiments: a deploy that runs, and how it is looked at.

mod own;
mod place;
mod scratch;

use std::{
    cell::Cell,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use xtask_contract::{
    BuildRecord, Context, Deploy, EnvName, Error, Layout, Progress, ReleaseId, Repo, Result,
    service::{ProcessType, Service},
};

pub(crate) use self::own::SERVERS;
use self::{own::Own, place::Place, scratch::Scratch};
use crate::{
    Wanted,
    empty_root::EmptyRoot,
    ground::{self, Ground, Running},
    system::Process,
    toolchain::{Called, Toolchain},
};

/// What is there for all experiments.
pub(crate) struct Stage<'a> {
    /// The project.
    pub(crate) repo: &'a Repo,
    pub(crate) env: &'a EnvName,
    pub(crate) record: BuildRecord,
    pub(crate) layout: Layout,
    pub(crate) service: Service,
    /// The place that the deploy runs in.
    pub(crate) ground: Box<dyn Ground>,
    pub(crate) toolchain: Toolchain,
    /// The deploy's folder, as a project.
    pub(crate) project: Repo,
    pub(crate) root: EmptyRoot,
    pub(crate) progress: &'a dyn Progress,
    /// The deploy, if it is the experiments' own.
    own: Option<Own>,
    /// A number that no text had before.
    number: Cell<u32>,
    stop: Arc<AtomicBool>,
    // Deleted last.
    scratch: Scratch,
}

impl<'a> Stage<'a> {
    /// A deploy of the experiments' own.
    pub(crate) fn set(wanted: &Wanted<'a>, progress: &'a dyn Progress) -> Result<Self> {
        let Wanted { repo, env, program, .. } = wanted;
        let record = BuildRecord::newest(repo)?;
        let layout = Layout::at(repo.images());
        let service = layout.description(&record.digest)?;
        progress.step("making a deploy of its own");
        let scratch = Scratch::held(repo.rebuildable().join("prove").join(env.as_str()))?;
        let project = Repo::at(scratch.path().join("project"));
        let home = scratch.path().join("home");
        let toolchain = Toolchain { program: program.clone(), folder: project.root().to_owned(), home };
        // If one was killed, its deploy runs on.
        own::take_away(env, &toolchain);
        let scratch = scratch.empty()?;
        let (place, mut ground) = Place::make(repo, env, &service, &record, (&project, scratch.path()))?;
        let root = EmptyRoot::make(&scratch.path().join("root"), &layout, &record.digest)?;
        let own = Some(Own::start(env, &toolchain, place, &mut *ground, progress)?);
        let deploy = (ground, toolchain, own);
        Ok(Self::of(wanted, (record, layout, service, root), deploy, scratch, progress))
    }

    /// The project's own deploy, as it runs. Nothing is told it that it would keep.
    pub(crate) fn in_use(wanted: &Wanted<'a>, progress: &'a dyn Progress) -> Result<Self> {
        let Wanted { repo, env, program, .. } = wanted;
        let home = std::env::home_dir().unwrap_or_default();
        let toolchain = Toolchain { program: program.clone(), folder: repo.root().to_owned(), home };
        let doing = || format!("looking at {env}");
        let status = toolchain.document(&["status", "--env", env.as_str()])?;
        let release = status["release"].as_str().ok_or_else(|| {
            let next =
                format!("`cargo xtask up --env {env}` starts it; without `--live` one of its own is started");
            Error::refused(doing(), "nothing runs").next(next)
        })?;
        let shown = toolchain.document(&["releases", "show", release, "--env", env.as_str()])?;
        let digest = shown["image"]["digest"].as_str().and_then(|digest| digest.parse().ok());
        let digest = digest.ok_or_else(|| Error::failed(doing(), "its release names no image"))?;
        let (record, layout) = (BuildRecord::of(repo, &digest)?, Layout::at(repo.images()));
        let service = Service { example: None, ..layout.description(&digest)? };
        let ground = ground::of(&Deploy::read(repo, env)?.target, status["url"].as_str())?;
        let scratch =
            Scratch::held(repo.rebuildable().join("prove").join(format!("{env}-in-use")))?.empty()?;
        let root = EmptyRoot::make(&scratch.path().join("root"), &layout, &digest)?;
        let deploy = (ground, toolchain, None);
        Ok(Self::of(wanted, (record, layout, service, root), deploy, scratch, progress))
    }

    fn of(
        wanted: &Wanted<'a>,
        (record, layout, service, root): (BuildRecord, Layout, Service, EmptyRoot),
        (ground, toolchain, own): (Box<dyn Ground>, Toolchain, Option<Own>),
        scratch: Scratch,
        progress: &'a dyn Progress,
    ) -> Self {
        let Wanted { repo, env, stop, .. } = wanted;
        let (project, number, stop) = (Repo::at(&toolchain.folder), Cell::new(0), stop.clone());
        Self {
            repo,
            env,
            record,
            layout,
            service,
            ground,
            toolchain,
            project,
            root,
            progress,
            own,
            number,
            stop,
            scratch,
        }
    }

    /// Whether others use the deploy: it is looked at, and not disturbed.
    pub(crate) fn is_in_use(&self) -> bool {
        self.own.is_none()
    }

    /// A folder for what is needed for a while.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Where the deploy is reached.
    pub(crate) fn address(&self) -> SocketAddr {
        self.ground.address()
    }

    /// Whether the deploy has a database of the experiments' own.
    pub(crate) fn has_database(&self) -> bool {
        self.own.as_ref().is_some_and(Own::has_database)
    }

    /// Points the deploy at one of its servers, from its next release on.
    pub(crate) fn attach(&self, server: &str) -> Result<()> {
        self.own.as_ref().map_or(Ok(()), |own| own.attach(server, &*self.ground))
    }

    /// The processes of the server that the deploy's database is on, as far as they can be seen.
    pub(crate) fn server(&self) -> Result<Vec<Process>> {
        let [server, _] = SERVERS;
        match self.own.as_ref().map_or(Ok(None), |own| own.url(server))? {
            Some(url) => self.ground.server(server, &url),
            None => Ok(Vec::new()),
        }
    }

    /// Calls the toolchain in the project itself, until somebody wants it to end.
    pub(crate) fn of_the_project(&self, args: &[&str]) -> Result<Called> {
        let home = std::env::home_dir().unwrap_or_default();
        let there =
            Toolchain { program: self.toolchain.program.clone(), folder: self.repo.root().to_owned(), home };
        let called = there.call_until(args, &self.stop)?;
        self.goes_on().map(|()| called)
    }

    /// Makes a release.
    pub(crate) fn release(&self) -> Result<ReleaseId> {
        self.toolchain.release(self.env)
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
        self.ground.processes(&self.status()?)
    }

    /// Those of the type that serves.
    pub(crate) fn serving(&self) -> Result<Vec<Running>> {
        let (name, all) = (&self.web()?.name, self.processes()?);
        Ok(all.into_iter().filter(|one| one.kind == *name).collect())
    }

    /// An error, if no process that serves is seen: of nothing much can be said that proves nothing.
    pub(crate) fn is_seen(&self) -> Result<()> {
        if self.serving()?.is_empty() {
            return Err(Error::failed(
                format!("looking at the processes of {}", self.env),
                "none that serves is seen",
            ));
        }
        Ok(())
    }

    /// The process type that serves HTTP.
    pub(crate) fn web(&self) -> Result<&ProcessType> {
        let web = self.service.processes.iter().find(|kind| kind.port.is_some());
        web.ok_or_else(|| {
            Error::refused("looking for the process type that serves", "the service has none with a port")
        })
    }

    /// Why there can be only one process that serves, if that is so.
    pub(crate) fn is_single(&self) -> Result<Option<&'static str>> {
        Ok(self.ground.is_single(self.web()?))
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

    /// The process of the `run` that is up, where it stays.
    pub(crate) fn supervisor(&self) -> Option<Process> {
        let run = self.own.as_ref()?.run.as_ref()?;
        Some(Process::here(run.id()))
    }

    /// What the deploy's processes have written, as it was collected.
    pub(crate) fn logs(&self) -> Result<Vec<Value>> {
        let text = self.toolchain.done(&["logs", "--env", self.env.as_str(), "--json"], "")?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// All that the deploy's processes have written, as people see it.
    pub(crate) fn shown(&self) -> Result<String> {
        match self.own.as_ref().and_then(|own| own.run.as_ref()) {
            Some(run) => Ok(run.said()),
            None => self.toolchain.done(&["logs", "--env", self.env.as_str()], ""),
        }
    }

    /// A text that nothing else has.
    pub(crate) fn text(&self) -> String {
        let number = self.number.get() + 1;
        self.number.set(number);
        format!("proof {}-{number}", std::process::id())
    }

    /// An error, if somebody wants it to end.
    pub(crate) fn goes_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::failed("proving", "it was interrupted").next("the same command begins anew"));
        }
        Ok(())
    }

    /// Waits for a moment, unless somebody wants it to end.
    pub(crate) fn wait(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            self.goes_on()?;
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

/// A port of this machine that nobody listens at.
pub(crate) fn free_port() -> Result<u16> {
    let free = || -> io::Result<u16> { Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port()) };
    free().doing(|| "looking for a free port")
}

/// Reads a file of the project's.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).doing(|| format!("reading {}", path.display()))
}
