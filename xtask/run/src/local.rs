//! The target `local`: processes of this machine, in the foreground, with a PostgreSQL server of their own. The first
//! `run` keeps them; whoever wants another release, or another number of them, asks it.

mod admin;
mod child;
pub(crate) mod client;
pub(crate) mod control;
mod executable;
mod formation;
mod gate;
pub(crate) mod journal;
mod keeper;
mod lock;
mod nursery;
mod postgres;
mod postgres_home;
mod postmaster;
pub(crate) mod running;
mod scale;
pub(crate) mod scratch;
mod server;
pub(crate) mod service;
mod slot;
mod socket;
mod supervisor;
mod turn;

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    future,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    time::{self, Instant},
};
use xtask_contract::{
    Context, Deploy, EnvName, Error, Ledger, Progress, Repo, Result, ledger::Found, release::Process,
    service::RELEASE_ID,
};

use crate::{
    Amount, Formation, IfBusy, Job, Ran, Receipt, Standing, down::Gone, ports, postgres_url::PostgresUrl,
    scale::resolve, services::LOOK,
};
pub(crate) use admin::admin;
use control::Holder;
use lock::Lock;
use nursery::nursery;
pub use postgres_home::newest_programs as postgres_programs;
use supervisor::Supervisor;

/// How long a `run` may neither answer nor end.
const PATIENCE: Duration = Duration::from_mins(1);
const PERIOD: Duration = Duration::from_millis(20);

/// Runs the release until SIGINT or SIGTERM, or has the `run` that is up take it over.
pub(crate) async fn run(job: &Job<'_>, announce: &dyn Fn(&Ran)) -> Result<()> {
    let mut stop = Stop::listen()?;
    // Before the locks, which children hold on to.
    let _reserved = child::reserve_listen_fd().doing(|| "starting up")?;
    let release = job.verified.release.id;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(lock) =
            unless_stopped(job, &mut stop, Lock::try_take(job.repo, job.env, job.progress)).await?
        {
            return supervise(job, &lock, &mut stop, announce).await;
        }
        let asked = tokio::select! {
            biased;
            () = stop.asked() => return Err(gave_up(job)),
            asked = client::run(job.repo, job.env, release, job.options, job.progress) => asked?,
        };
        if let Some(ran) = asked {
            announce(&ran);
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(does_not_answer(job.env));
        }
        // It is just starting or ending, which it announces to nobody.
        time::sleep(PERIOD).await;
    }
}

/// Keeps the deploy running: first this release, then what is asked for.
async fn supervise(job: &Job<'_>, lock: &Lock, stop: &mut Stop, announce: &dyn Fn(&Ran)) -> Result<()> {
    let server = OnceCell::new();
    let (processes, processes_kept) = nursery();
    let (services, services_kept) = nursery();
    let (supervisor, control) = Supervisor::new(job, lock, processes, services, &server)?;
    let work = async {
        let result = until_stopped(&supervisor, job, control, stop, announce).await;
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

async fn until_stopped(
    supervisor: &Supervisor<'_>,
    job: &Job<'_>,
    control: UnixListener,
    stop: &mut Stop,
    announce: &dyn Fn(&Ran),
) -> Result<()> {
    let (answers, answered) = nursery();
    let first = async {
        let turn = supervisor.turn(Holder::myself(job.verified.release.id)).await;
        announce(&supervisor.run(&turn, job).await?);
        drop(turn);
        future::pending().await
    };
    tokio::select! {
        biased;
        () = stop.asked() => {
            if !supervisor.runs() {
                return Err(interrupted(job));
            }
            job.progress.note("stopping …");
            Ok(())
        }
        result = first => result,
        () = supervisor.serve(control, &answers) => Ok(()),
        () = answered => Ok(()),
    }
}

/// Does a part of the start, unless a signal comes first.
async fn unless_stopped<T>(
    job: &Job<'_>,
    stop: &mut Stop,
    part: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = stop.asked() => Err(interrupted(job)),
        result = part => result,
    }
}

/// Stops a deploy of this machine, its PostgreSQL server included.
pub(crate) async fn down(
    repo: &Repo,
    env: &EnvName,
    deploy: &Deploy,
    data: bool,
    progress: &dyn Progress,
) -> Result<Gone> {
    let mut gone = stop(repo, env, data, progress).await?;
    if let Some(address) = address(deploy)
        && TcpStream::connect_timeout(&address, LOOK).is_ok()
    {
        gone.left.push(format!(
            "something answers at port {0} all the same, which no `run` of this checkout has started: `ss -ltnp 'sport = \
             :{0}'` shows what",
            address.port()
        ));
    }
    Ok(gone)
}

async fn stop(repo: &Repo, env: &EnvName, data: bool, progress: &dyn Progress) -> Result<Gone> {
    let ran = lock::stop_holder(repo, env, progress).await?;
    if !lock::folder(repo, env).is_dir() {
        return Ok(Gone::default()); // nothing was ever done here
    }
    let lock = Lock::take(repo, env, progress).await?;
    let mut gone = service::stop_after_run(repo, env, data, &lock, progress).await?;
    gone.stopped |= ran;
    if data {
        lock.forget()?;
        journal::forget(repo, env)?;
    }
    Ok(gone)
}

/// What would be deleted with the data.
pub(crate) fn losses(repo: &Repo, env: &EnvName) -> Vec<String> {
    let folder = lock::folder(repo, env);
    if !folder.is_dir() {
        return Vec::new();
    }
    let logs = format!(
        "what its processes have written, and what is remembered of its releases, in {}",
        folder.display()
    );
    service::losses(repo, env).into_iter().chain([logs]).collect()
}

/// Refuses what could not run now.
pub(crate) async fn could_run(job: &Job<'_>) -> Result<()> {
    job.check_history(lock::witness(job.repo, job.env)?.as_ref())?;
    if client::state(job.repo, job.env).await?.is_some() {
        return Ok(()); // it has its ports already, and opens others itself
    }
    let release = &job.verified.release;
    let started = release.processes.values().filter(|process| process.count > 0);
    for port in started.filter_map(|process| process.port) {
        let address = SocketAddr::new(formation::address(&release.config), port);
        ports::free(address).map_err(|error| formation::cannot_listen(job.env, address, &error))?;
    }
    let Some(url) = own_url(job)? else { return Ok(()) };
    service::check_port(job.repo, job.env, url.port)
}

/// Where a deploy of this machine stands.
pub(crate) async fn standing(repo: &Repo, env: &EnvName) -> Result<Standing> {
    let (witness, history) = (lock::witness(repo, env)?, lock::history(repo, env)?);
    let running = client::state(repo, env).await?.and_then(|state| state.release);
    Ok(Standing { witness, running, history })
}

/// Changes how many processes there are, by way of the `run` that is up, or from the next one on.
pub(crate) async fn scale(
    repo: &Repo,
    env: &EnvName,
    wishes: &BTreeMap<String, Amount>,
    if_busy: IfBusy,
    progress: &dyn Progress,
) -> Result<Formation> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(now) = client::scale(repo, env, wishes, if_busy, progress).await? {
            return Ok(now);
        }
        if let Some(_lock) = Lock::try_take(repo, env, progress).await? {
            let (mut all, doubt) = next_formation(repo, env)?;
            if let Some(doubt) = doubt {
                return Err(doubt);
            }
            let counts = resolve(env, wishes, &all)?;
            scale::note(&lock::folder(repo, env), &counts)?;
            all.extend(counts);
            return Ok(all);
        }
        if Instant::now() > deadline {
            return Err(does_not_answer(env));
        }
        time::sleep(PERIOD).await;
    }
}

/// How many processes there are of each type, or will be from the next `run` on.
pub(crate) async fn formation(repo: &Repo, env: &EnvName) -> Result<Formation> {
    let (mut all, _) = next_formation(repo, env)?;
    if let Some(state) = client::state(repo, env).await? {
        for count in all.values_mut() {
            *count = 0;
        }
        for process in state.processes {
            *all.entry(process.process_type).or_default() += 1;
        }
    }
    Ok(all)
}

/// What the next `run` starts: as many as was asked for last, or else as the release says; and why nothing may be decided
/// by that, if so.
fn next_formation(repo: &Repo, env: &EnvName) -> Result<(Formation, Option<Error>)> {
    let ledger = Ledger::of(repo, env);
    let release = match lock::witness(repo, env)? {
        Some(witness) => witness.id,
        None => ledger.newest()?,
    };
    let Found { release, doubt, .. } = ledger.look(release)?;
    let processes = release.processes;
    let asked = scale::read(&lock::folder(repo, env))?;
    let count = |kind: &str, process: &Process| asked.get(kind).copied().unwrap_or(process.count);
    Ok((processes.iter().map(|(kind, process)| (kind.clone(), count(kind, process))).collect(), doubt))
}

/// The last take-over, if it failed.
pub(crate) fn failure(repo: &Repo, env: &EnvName) -> Result<Option<Receipt>> {
    Receipt::read(&lock::folder(repo, env))
}

/// The whole environment of a process: the release's config, secrets and ID, and nothing of this machine's.
fn environment(job: &Job<'_>) -> BTreeMap<String, String> {
    let release = &job.verified.release;
    let secrets = job.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let id = (RELEASE_ID.to_owned(), release.id.to_string());
    release.config.clone().into_iter().chain(secrets).chain([id]).collect()
}

/// The URL of the deploy's own server, if the release has it run one.
fn own_url(job: &Job<'_>) -> Result<Option<PostgresUrl>> {
    let Some(postgres) = job.verified.release.services.own_postgres() else { return Ok(None) };
    let Some(value) = job.secrets.get(&postgres.variable) else { return Ok(None) };
    let url = PostgresUrl::parse(&postgres.variable, value)?;
    // A URL that points elsewhere is somebody else's server, attached to this deploy.
    Ok(Some(url).filter(|url| url.host == "127.0.0.1" && url.port == postgres.port))
}

/// Says what is missing or in the way before anything is built for it.
pub(crate) async fn preflight(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<()> {
    let own = deploy.services.own_postgres();
    let mut checks = vec![own.map_or(Ok(()), |_| postgres_home::newest_programs().map(drop))];
    // One that is up has its ports already, and opens others itself; one that is on its way out is waited for.
    if client::state(repo, env).await?.is_none() && !lock::is_held(repo, env) {
        checks.extend(address(deploy).map(|address| {
            ports::free(address).map_err(|error| formation::cannot_listen(env, address, &error))
        }));
        checks.extend(own.map(|own| service::check_port(repo, env, own.port)));
    }
    let errors = checks.into_iter().filter_map(Result::err).collect();
    Error::together(format!("looking for what {env} takes"), errors)
}

/// Where the service is to listen. Which variables are ports is known only once there is an image; this one is so by
/// convention.
fn address(deploy: &Deploy) -> Option<SocketAddr> {
    let config = deploy.config.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect();
    let port = deploy.config.get("PORT")?.0.parse().ok()?;
    Some(SocketAddr::new(formation::address(&config), port))
}

fn gave_up(job: &Job<'_>) -> Error {
    let doing = format!("running {}", job.verified.release.id);
    Error::failed(
        doing,
        "this command was stopped; if its turn had come, the `run` that is up goes on without it",
    )
    .next("the same command tells how that went")
}

fn does_not_answer(env: &EnvName) -> Error {
    let why = format!("the `run` that is up does not answer after {} s", PATIENCE.as_secs());
    Error::failed(format!("asking for a change of {env}"), why)
        .next(format!("stop it with `cargo xtask down --env {env}`, and run the same command again"))
}

fn interrupted(job: &Job<'_>) -> Error {
    Error::failed(format!("running {}", job.verified.release.id), "it was stopped before it was ready")
        .next("nothing is left running; the same command starts it again")
}

/// SIGINT (Ctrl-C), SIGTERM or SIGHUP (a terminal that is gone).
struct Stop([tokio::signal::unix::Signal; 3]);

impl Stop {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).doing(|| "listening for signals");
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
