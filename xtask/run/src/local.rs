//! The target `local`: one process of this machine per process type and number, in the foreground, with a
//! PostgreSQL server of their own.

mod child;
mod lock;
mod postgres;
mod postgres_home;
pub(crate) mod scratch;
mod supervisor;
mod unpack;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, TcpListener},
    time::Instant,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use xtask_contract::{Context, Deploy, EnvName, Error, Progress, Repo, Result, release::Process};

use crate::{Job, Ran, Status, postgres_url::PostgresUrl};
use child::Program;
use lock::Lock;
use postgres::Server;
use supervisor::{Formation, Slot, once};

/// Runs the release until SIGINT or SIGTERM.
pub(crate) async fn run(job: &Job<'_>, announce: &dyn Fn(&Ran)) -> Result<()> {
    let release = &job.verified.release;
    let mut stop = Stop::listen()?;
    let lock = unless_stopped(job, &mut stop, Lock::take(job.repo, job.env, job.progress)).await?;
    job.check_witness(lock.witness()?.as_ref())?;
    check_ports(job.env, &release.config, release.processes.values().filter_map(|process| process.port))?;
    job.progress.step("unpacking the image");
    let root = unpack::unpack(job.repo, job.layout, &release.image.digest)?;
    let program = Program::of_image(&root, &environment(job), lock.for_children());

    let server = unless_stopped(job, &mut stop, start_server(job, &lock)).await?;
    let (stop_server, server_stop) = watch::channel(false);
    let server_kept = async {
        if let Some(server) = server {
            server.keep(&server_stop, job.progress).await;
        }
    };
    let until_stopped = async {
        let result = serve(job, &program, &lock, &mut stop, announce).await;
        stop_server.send_replace(true);
        result
    };
    // The server runs as long as anything needs it, and is kept running meanwhile.
    let (result, ()) = tokio::join!(until_stopped, server_kept);
    result
}

/// Migrates the database, starts the processes, and keeps them until told to stop.
async fn serve(
    job: &Job<'_>,
    program: &Program,
    lock: &Lock,
    stop: &mut Stop,
    announce: &dyn Fn(&Ran),
) -> Result<()> {
    let release = &job.verified.release;
    let start = async {
        let migrating = Instant::now();
        job.progress.step("migrating the database");
        let mut show = |line: &str| job.progress.line("migrate", line);
        once(program, "migrating the database", &release.migrate, "", &mut show).await?;
        let migration = migrating.elapsed();
        job.progress.step("starting the processes");
        let slots = release.processes.iter().flat_map(|(name, process)| Slot::all(program, name, process));
        let formation = Formation::start(slots.collect(), job.progress).await?;
        Ok((formation, migration))
    };
    let (formation, migration) = unless_stopped(job, stop, start).await?;
    let before = lock.witness()?;
    lock.remember(&job.witness())?;
    announce(&job.ran(Status::Started, url(job), before.map(|before| before.id), migration));

    let (stop_processes, processes_stop) = watch::channel(false);
    let told = async {
        stop.asked().await;
        job.progress.note("stopping …");
        stop_processes.send_replace(true);
    };
    tokio::join!(told, formation.keep(&processes_stop, job.progress));
    Ok(())
}

/// Does a part of the start, unless a signal comes first. What it had started by then is killed as it is dropped.
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

/// Stops a deploy of this machine and tells whether it ran.
pub(crate) async fn down(repo: &Repo, env: &EnvName, data: bool, progress: &dyn Progress) -> Result<bool> {
    let stopped = lock::stop_holder(repo, env, progress).await?;
    if data {
        progress.step("deleting the database");
        let lock = Lock::take(repo, env, progress).await?;
        postgres_home::delete(repo, env)?;
        lock.forget()?;
    }
    Ok(stopped)
}

/// The whole environment of a process: the release's config and secrets, and nothing of this machine's.
fn environment(job: &Job<'_>) -> BTreeMap<String, String> {
    let secrets = job.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    job.verified.release.config.clone().into_iter().chain(secrets).collect()
}

async fn start_server(job: &Job<'_>, lock: &Lock) -> Result<Option<Server>> {
    let Some(postgres) = &job.verified.release.services.postgres else { return Ok(None) };
    let Some(value) = job.secrets.get(&postgres.variable) else { return Ok(None) };
    let url = PostgresUrl::parse(&postgres.variable, value)?;
    // A URL that points elsewhere is somebody else's server, attached to this deploy.
    if url.host != "127.0.0.1" || url.port != postgres.port {
        return Ok(None);
    }
    Server::start(job.repo, job.env, &url, lock, job.progress).await.map(Some)
}

/// Says what is missing or in the way before anything is built for it.
pub(crate) fn preflight(repo: &Repo, env: &EnvName, deploy: &Deploy) -> Result<()> {
    lock::refuse_if_running(repo, env)?;
    if deploy.services.postgres.is_some() {
        postgres_home::newest_programs()?;
    }
    let config = deploy.config.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect();
    // Which variables are ports is known only once there is an image; this one is so by convention.
    let port = deploy.config.get("PORT").and_then(|text| text.0.parse().ok());
    check_ports(env, &config, port.into_iter())
}

/// Says who is in the way before anything is started, rather than after it has failed.
fn check_ports(
    env: &EnvName,
    config: &BTreeMap<String, String>,
    ports: impl Iterator<Item = u16>,
) -> Result<()> {
    let address = config.get("BIND_ADDRESS").and_then(|text| text.parse().ok());
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    for port in ports {
        let bound = TcpListener::bind((address, port));
        if bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
            let why = format!("another program listens on port {port}");
            return Err(Error::refused(format!("running {env} on this machine"), why).next(format!(
                "stop it (`ss -ltnp 'sport = :{port}'` names it; a kind deploy: `cargo xtask down --env dev`), \
                 or set another PORT in k8s/envs/{env}.toml and make a new release"
            )));
        }
    }
    Ok(())
}

fn url(job: &Job<'_>) -> String {
    let port = job.verified.release.processes.values().find_map(|process: &Process| process.port);
    port.map_or_else(String::new, |port| format!("http://localhost:{port}"))
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
