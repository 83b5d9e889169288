//! The `run` of a deploy that is up. It alone starts and stops the deploy's processes; other commands ask it to.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    net::UnixListener,
    sync::{Mutex, MutexGuard, oneshot, watch},
    time,
};
use xtask_contract::{Context, EnvName, Error, ErrorKind, Progress, Record, ReleaseId, Repo, Result};

use crate::{
    change_lock::ChangeLock,
    child::Program,
    environment::environment,
    environment::own_url,
    executable::Executable,
    formation::{Formation, Plan, Planned},
    holder::Holder,
    journal::Journal,
    lock::{self, Lock},
    postgres::Server,
    process_handle::ProcessHandle,
    running::once,
    scale_file,
    socket::Sockets,
    socket_folder::SocketFolder,
    state::State,
    task_set::{TaskSet, task_set},
};
use xtask_run::{Amount, Cause, FailureRecord, Job, Outcome, Ran, Status, in_words, resolve};

/// How long the processes of a quick build are waited for by the next one.
const MOMENT: Duration = Duration::from_millis(500);

/// The deploy as it is now.
pub(crate) struct Supervisor<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) env: &'a EnvName,
    pub(crate) progress: &'a dyn Progress,
    lock: &'a Lock,
    socket_folder: Rc<SocketFolder>,
    journal: Rc<Journal>,
    sockets: Sockets,
    /// What keeps its processes.
    processes: TaskSet<'a>,
    /// What keeps its PostgreSQL server, and the hold on that.
    services: TaskSet<'a>,
    server: &'a OnceCell<ProcessHandle>,
    /// Held by the command that changes any of it.
    change_lock: Mutex<()>,
    pub(crate) holder: RefCell<Option<Holder>>,
    formation: RefCell<Option<Rc<Formation>>>,
    /// The release that a client has brought it to last.
    pub(crate) taken_over: watch::Sender<Option<ReleaseId>>,
}

/// Which deploy it is, and who hears what is being done.
type Place<'a> = (&'a Repo, &'a EnvName, &'a dyn Progress);

/// Has a deploy that runs nothing yet, as long as `work` goes on; then all that was started stops.
pub(crate) async fn while_up(
    place: Place<'_>,
    lock: &Lock,
    work: impl AsyncFnOnce(&Supervisor<'_>, UnixListener) -> Result<()>,
) -> Result<()> {
    let server = OnceCell::new();
    let (processes, processes_kept) = task_set();
    let (services, services_kept) = task_set();
    let (supervisor, control) = Supervisor::new(place, lock, processes, services, &server)?;
    let work = async {
        let result = work(&supervisor, control).await;
        drop(supervisor); // which tells all processes to stop
        result
    };
    let work = async {
        let (result, ()) = tokio::join!(work, processes_kept);
        // The server runs as long as anything needs it.
        if let Some(server) = server.get() {
            server.tell_to_stop();
        }
        result
    };
    let (result, ()) = tokio::join!(work, services_kept);
    result
}

impl<'a> Supervisor<'a> {
    /// A deploy of which nothing runs yet, and where it is asked for changes.
    fn new(
        (repo, env, progress): Place<'a>,
        lock: &'a Lock,
        processes: TaskSet<'a>,
        services: TaskSet<'a>,
        server: &'a OnceCell<ProcessHandle>,
    ) -> Result<(Self, UnixListener)> {
        let doing = || format!("opening the sockets of {env}");
        let socket_folder = SocketFolder::make(&lock::folder(repo, env)).doing(doing)?;
        let control = socket_folder.control().doing(doing)?;
        let (journal, mut trouble) = Journal::open(repo, env);
        processes.begin(async move {
            while let Some(trouble) = trouble.recv().await {
                progress.note(&trouble);
            }
        });
        let supervisor = Self {
            repo,
            env,
            progress,
            lock,
            socket_folder: Rc::new(socket_folder),
            journal,
            sockets: Sockets::default(),
            processes,
            services,
            server,
            change_lock: Mutex::default(),
            holder: RefCell::default(),
            formation: RefCell::default(),
            taken_over: watch::Sender::default(),
        };
        Ok((supervisor, control))
    }

    /// Waits for the lock on changes of the deploy; it is released when what is returned is dropped.
    pub(crate) async fn change(&self, holder: Holder) -> ChangeLock<'_> {
        self.begin_change(self.change_lock.lock().await, holder)
    }

    /// The lock on changes, unless another command has it.
    pub(crate) fn try_change(&self, holder: Holder) -> Option<ChangeLock<'_>> {
        Some(self.begin_change(self.change_lock.try_lock().ok()?, holder))
    }

    fn begin_change<'s>(&'s self, guard: MutexGuard<'s, ()>, holder: Holder) -> ChangeLock<'s> {
        ChangeLock::taken(guard, &self.holder, holder)
    }

    /// Brings the deploy from what runs, if anything does, to a release: its migration runs, its processes become
    /// ready, those before it stop. If that fails, what ran before still does.
    pub(crate) async fn run(&self, _: &ChangeLock<'_>, job: &Job<'_>) -> Result<Ran> {
        let release = &job.verified.release;
        let before = self.formation.borrow().clone();
        if before.as_ref().is_some_and(|before| before.plan.release == release.id && before.is_ready()) {
            return Ok(job.ran(Status::Unchanged, None, Duration::ZERO));
        }
        job.check_last_deployed(self.lock.last_deployed()?.as_ref())?;
        let plan = self.plan(job)?;
        let counts = scale_file::read(&self.state_folder())?;
        let alone = before.and_then(|before| Some((plan.port_for_one(&before.plan)?, before)));
        let brought_up = if let Some((port, before)) = alone {
            plan.refuse_more_than_one(&counts)?;
            self.start_server(job).await?;
            self.change_over(job, plan, &counts, &before, port).await
        } else {
            let planned = plan.all(&counts, &self.sockets)?;
            self.start_server(job).await?;
            self.bring_up(job, plan, planned).await
        };
        match brought_up {
            Ok((formation, migration)) => self.commit(job, formation, migration).await,
            Err(error) => Err(self.fall_back(job, error)),
        }
    }

    /// What the deploy has run.
    pub(crate) fn record(&self) -> Result<Record> {
        self.lock.last_deployed().map(Record::Known)
    }

    fn plan(&self, job: &Job<'_>) -> Result<Plan> {
        let release = &job.verified.release;
        job.progress.step("taking the program out of the image");
        let executable = Executable::of_image(job.layout, &release.image.digest)?;
        let held = [self.lock.for_children(), self.socket_folder.as_raw_fd()];
        let program = Program::of_image(executable, &self.state_folder(), environment(job), &held);
        let service = job.layout.description(&release.image.digest)?;
        let (socket_folder, journal) = (self.socket_folder.clone(), self.journal.clone());
        Ok(Plan::new(
            (release, job.verified.is_quick(), job.verified.mark()),
            &service,
            program,
            job.options.start,
            socket_folder,
            journal,
        ))
    }

    /// Sees to it that the deploy's own server runs, if the release has one.
    async fn start_server(&self, job: &Job<'_>) -> Result<()> {
        let Some(url) = own_url(job)? else { return Ok(()) };
        let started = Server::start(self.repo, self.env, &url, self.lock, job.progress).await;
        match started {
            // There is at most one server of the deploy's own, and it was not there a moment ago.
            Ok(Some(server)) => drop(self.server.set(server.keep(&self.services, self.progress))),
            Ok(None) if self.runs() => {}
            Ok(None) => job.progress.note("PostgreSQL runs already, and is left running at the end"),
            Err(error) if self.runs() => return Err(self.stop_first(error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn stop_first(&self, error: Error) -> Error {
        error.next(format!(
            "stop what runs with `cargo xtask down --env {}`, and run the same command again",
            self.env
        ))
    }

    async fn bring_up(
        &self,
        job: &Job<'_>,
        plan: Plan,
        planned: Vec<Planned>,
    ) -> Result<(Formation, Duration)> {
        let migration = migrate(job, &plan).await?;
        job.progress.step("starting the processes");
        let formation = Formation::start(plan, planned, &self.processes, self.progress).await?;
        Ok((formation, migration))
    }

    /// Brings a release up whose processes and those before cannot listen on this port at the same time: those before
    /// stop first. If that fails, they start again.
    async fn change_over(
        &self,
        job: &Job<'_>,
        plan: Plan,
        counts: &xtask_run::Formation,
        before: &Formation,
        port: u16,
    ) -> Result<(Formation, Duration)> {
        let migration = migrate(job, &plan).await?;
        let (release, last) = (&plan.mark.clone(), &before.plan.mark);
        job.progress.note(&format!(
            "warning: {release} and {last} cannot both listen on port {port}: {last} is stopped first, and requests \
             fail until {release} is ready (docs/your-own-service.md shows how to lose none)"
        ));
        let counts_before = before.counts();
        let stopping = Instant::now();
        job.progress.step("stopping the processes of the release before");
        before.stop().await;
        job.progress.step("starting the processes");
        let started = async {
            let planned = plan.all(counts, &self.sockets)?;
            Formation::start(plan, planned, &self.processes, self.progress).await
        };
        let started = started.await;
        if started.is_err() {
            job.progress.step("starting the processes of the release before again");
            if let Err(error) =
                before.start_again(&counts_before, &self.sockets, &self.processes, self.progress).await
            {
                self.formation.replace(None);
                job.progress.note(&format!("{last} did not start again, and nothing runs now: {error}"));
            }
        }
        let gap = stopping.elapsed().as_secs_f64();
        job.progress.note(&format!("nothing answered on port {port} for {gap:.1} s"));
        Ok((started?, migration))
    }

    /// From here on it is the new release that runs.
    async fn commit(&self, job: &Job<'_>, formation: Formation, migration: Duration) -> Result<Ran> {
        let last_deployed = self.lock.last_deployed()?;
        if job.verified.is_quick() {
            return Ok(self.commit_quick(job, formation, migration).await);
        }
        self.lock.remember(&job.last_deployed(last_deployed.as_ref()))?;
        FailureRecord::forget(&self.state_folder())?;
        let before = self.formation.replace(Some(Rc::new(formation)));
        let running = before.as_ref().and_then(|before| before.plan.known());
        if let Some(before) = before {
            job.progress.step("stopping the processes of the release before");
            before.stop().await;
        }
        let last = running.or(last_deployed.map(|last_deployed| last_deployed.id));
        Ok(job.ran(Status::Started, last, migration))
    }

    /// From here on it is the quick build that runs. Those of the build before have a moment to end; then they do so by
    /// themselves: the next change does not wait for clients that they still serve.
    async fn commit_quick(&self, job: &Job<'_>, formation: Formation, migration: Duration) -> Ran {
        let before = self.formation.replace(Some(Rc::new(formation)));
        let running = before.as_ref().and_then(|before| before.plan.known());
        if let Some(before) = before {
            let (tell, ended) = oneshot::channel::<()>();
            self.processes.begin(async move {
                before.stop().await;
                drop(tell);
            });
            let _ = time::timeout(MOMENT, ended).await;
        }
        job.ran(Status::Started, running, migration)
    }

    fn fall_back(&self, job: &Job<'_>, mut error: Error) -> Error {
        if job.verified.is_quick() {
            return error;
        }
        if let Err(unkept) = self.lock.note(job.verified.release.id, Outcome::Failed) {
            error.why.push(unkept.to_string());
        }
        let formation = self.formation.borrow().clone();
        let before = formation.as_ref().and_then(|before| before.plan.known());
        let release = job.verified.release.id;
        let kind = if formation.is_some() { ErrorKind::FellBack } else { error.kind };
        let mut error = Error { kind, ..error };
        if let Err(unkept) = FailureRecord::of(release, &error, before).keep(&self.state_folder()) {
            error.why.push(unkept.to_string());
        }
        let Some(before) = formation.map(|before| before.plan.mark.clone()) else {
            let env = self.env;
            if error.next.is_some() {
                return error;
            }
            return error.next(format!(
                "nothing of {env} runs now; correct what is named above and make a new release, or go back with \
                 `cargo xtask rollback --env {env}` if another one has run before"
            ));
        };
        error.next(format!(
            "{before} serves on, and no process of {release} is left; correct what is named above and make a new release"
        ))
    }

    /// Starts and stops processes until there are as many of these types as requested.
    pub(crate) async fn scale(
        &self,
        _: &ChangeLock<'_>,
        requests: &BTreeMap<String, Amount>,
        progress: &dyn Progress,
    ) -> Result<xtask_run::Formation> {
        let formation = self.formation.borrow().clone().ok_or_else(|| {
            Error::failed(format!("scaling {}", self.env), "none of its processes runs yet").next("try again")
        })?;
        let before = formation.counts();
        let counts = resolve(self.env, requests, &before)?;
        progress.step("starting and stopping processes");
        let scaled = formation.scale(&counts, &self.sockets, &self.processes, self.progress).await;
        scaled.map_err(|error| {
            let stands = format!("{} runs on with {}", self.env, in_words(&before));
            let next = error.next.as_ref().map_or(stands.clone(), |next| format!("{stands}; {next}"));
            error.next(next)
        })?;
        scale_file::note(&self.state_folder(), &counts)?;
        Ok(formation.counts())
    }

    pub(crate) fn state(&self) -> State {
        let formation = self.formation.borrow();
        State {
            supervisor: std::process::id(),
            release: formation.as_ref().map(|formation| formation.plan.release),
            url: formation.as_ref().and_then(|formation| formation.plan.url.clone()),
            quick: formation.as_ref().is_some_and(|formation| formation.plan.quick),
            since: formation.as_ref().map(|formation| formation.since),
            busy: self.holder.borrow().clone(),
            processes: formation.as_ref().map(|formation| formation.state()).unwrap_or_default(),
        }
    }

    /// Whether a release runs.
    pub(crate) fn runs(&self) -> bool {
        self.formation.borrow().is_some()
    }

    fn state_folder(&self) -> PathBuf {
        lock::folder(self.repo, self.env)
    }
}

/// Brings the database to the schema that the release needs, and tells how long that took.
async fn migrate(job: &Job<'_>, plan: &Plan) -> Result<Duration> {
    let began = Instant::now();
    job.progress.step("migrating the database");
    let mut show = |line: &str| job.progress.line("migrate", line);
    let stream = Some(plan.journal.stream(&plan.mark, "migrate"));
    let args = &job.verified.release.migrate;
    let migrated = once(&plan.program, "migrating the database", args, "", stream, &mut show).await;
    migrated.map_err(|error| Cause::MigrationFailed.of(error))?;
    Ok(began.elapsed())
}
