//! `cargo xtask services`: backing services as attached resources. What changes a deploy's files is stage
//! release's, what starts and stops is stage run's; what the one made is handed to the other here.

mod logging;

use serde::Serialize;
use xtask_contract::{Deploy, EnvName, Error, Progress, Repo, Result, Secret, deploy::Target};
use xtask_release::services::{Back, Place, Service};
use xtask_run::{Data, OwnPostgres, PostgresUrl, ServiceState as State, Status};

use super::down::{agree, data_words};
use crate::{
    backends::Known,
    cli::{self, ServiceAction},
    ui::{Text, Ui},
};

/// What a deploy may have beside its processes.
enum Name {
    Postgres,
    /// The log shipper.
    Logging,
}

/// The name of the database's service.
const POSTGRES: &str = "postgres";

#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// Null where the service knows nothing of it.
    variable: Option<String>,
    attached: bool,
    /// `host:port/database`, or where lines are shipped to; null if the URL cannot be opened here, or is not there yet.
    endpoint: Option<String>,
    sealed: bool,
    state: State,
}

#[derive(Serialize)]
struct Up<'a> {
    env: &'a EnvName,
    name: &'static str,
    status: Status,
    endpoint: String,
}

#[derive(Serialize)]
struct Down<'a> {
    env: &'a EnvName,
    name: &'static str,
    stopped: bool,
    data: Data,
}

#[derive(Serialize)]
struct Attached<'a> {
    env: &'a EnvName,
    name: &'static str,
    endpoint: String,
}

pub(crate) fn services(repo: &Repo, args: &cli::Services, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let env = &args.env;
    match &args.action {
        None => list(repo, env, backends, ui),
        Some(ServiceAction::Up { name }) => match known(name)? {
            Name::Postgres => up(repo, env, backends, ui),
            Name::Logging => logging::up(repo, env, backends, ui),
        },
        Some(ServiceAction::Down { name, data, yes }) => match known(name)? {
            Name::Postgres => down(repo, env, *data, *yes, backends, ui),
            Name::Logging => logging::down(repo, env, *data, backends, ui),
        },
        Some(ServiceAction::Attach { name, url }) => match known(name)? {
            Name::Postgres => attach(repo, env, url.as_deref(), ui),
            Name::Logging => Err(logging::not_attached(env)),
        },
    }
}

/// Refuses any other name, without repeating it: a URL may have taken its place.
fn known(name: &str) -> Result<Name> {
    match name {
        POSTGRES => Ok(Name::Postgres),
        logging::NAME => Ok(Name::Logging),
        _ => Err(Error::usage("choosing the backing service", "there is none of this name")
            .next(format!("there are: {POSTGRES}, {}", logging::NAME))),
    }
}

fn list(repo: &Repo, env: &EnvName, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let deploy = Deploy::read(repo, env)?;
    let listed = xtask_release::services::list(repo, env, &deploy)?;
    let rows: Vec<Row> = at_once(async {
        let mut rows = Vec::new();
        for service in listed {
            let state = state(repo, env, &deploy.target, &service, backends).await;
            rows.push(row(service, state));
        }
        if let Some(logging) = &deploy.logging {
            rows.push(logging::row(repo, env, &deploy.target, logging, backends).await);
        }
        rows
    })?;
    let text = match rows.as_slice() {
        [] => format!("{env} has no backing services").into(),
        rows => Text::lines(rows.iter().map(words)),
    };
    ui.result(text, &rows);
    Ok(())
}

async fn state(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    service: &Service,
    backends: &Known<'_>,
) -> State {
    match &service.place {
        _ if !service.attached => {
            xtask_run::services::state(repo, env, target, backends).await.unwrap_or(State::Unknown)
        }
        Place::At(endpoint) => xtask_run::services::answers(&endpoint.host, endpoint.port).await,
        Place::Sealed | Place::None => State::Unknown,
    }
}

fn row(service: Service, state: State) -> Row {
    let Service { name, variable, attached, place } = service;
    let (endpoint, sealed) = match place {
        Place::At(endpoint) => (Some(endpoint.to_string()), false),
        Place::Sealed => (None, true),
        Place::None => (None, false),
    };
    Row { name, variable: Some(variable), attached, endpoint, sealed, state }
}

fn words(row: &Row) -> String {
    let whose = if row.attached { "attached" } else { "own" };
    let place = match (&row.endpoint, row.sealed) {
        (Some(endpoint), _) => endpoint,
        (None, true) => "sealed",
        (None, false) => "not made yet",
    };
    let state = match (row.state, row.attached) {
        (State::Up, false) => "runs",
        (State::Down, false) => "does not run",
        (State::Up, true) => "answers",
        (State::Down, true) => "does not answer from here",
        (State::Unknown, _) => "state unknown",
    };
    let variable = row.variable.as_deref().unwrap_or("-");
    format!("{}  {variable}  {whose}  {place}  {state}", row.name)
}

fn up(repo: &Repo, env: &EnvName, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let own = xtask_release::services::own(repo, env, &super::record(repo, env, backends, ui)?)?;
    if let Some(back) = own.back {
        ui.note(&format!("{env} is back on its own PostgreSQL server; its next release carries it"));
        if back == Back::Anew && own.target.is_cluster() {
            ui.note(&format!(
                "no release has the password of its own server, so there is a new one. A volume that was made with \
                 another one keeps that: if the service cannot log in, `cargo xtask services down {POSTGRES} --data \
                 --env {env}` deletes it, and this command makes it anew"
            ));
        }
    }
    let (postgres, url) = (&own.postgres, &PostgresUrl::parse(&own.postgres.variable, &own.url)?);
    let start = OwnPostgres { postgres, url, objects: own.objects.as_deref() };
    let up = xtask_run::services::up(repo, env, &own.target, &start, backends, ui);
    let status = super::runtime()?.block_on(up)?;
    let endpoint = own.endpoint.to_string();
    let since = if status == Status::Unchanged { ", as before" } else { "" };
    let document = Up { env, name: POSTGRES, status, endpoint };
    ui.result(format!("{} — {POSTGRES} of {env} runs{since}", document.endpoint), &document);
    Ok(())
}

fn down(repo: &Repo, env: &EnvName, data: bool, yes: bool, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let target = Deploy::read(repo, env)?.target;
    if data {
        agree(env, &xtask_run::services::losses(repo, env, &target, backends)?, yes, ui)?;
    }
    let down = xtask_run::services::down(repo, env, &target, data, backends, ui);
    let (stopped, data) = super::runtime()?.block_on(down)?;
    let what = if stopped { "stopped" } else { "was not running" };
    let text = format!("{env}: {POSTGRES} {what}; {}", data_words(data));
    ui.result(&text, &Down { env, name: POSTGRES, stopped, data });
    Ok(())
}

fn attach(repo: &Repo, env: &EnvName, url: Option<&str>, ui: &Ui) -> Result<()> {
    xtask_release::services::can_attach(repo, env)?;
    let url = match url.filter(|url| *url != "-") {
        Some(url) => {
            ui.note("the URL stands in your shell's history now; left out, it is read from standard input");
            Secret::new(url)
        }
        None => match ui.secret("the URL")?.expose().trim() {
            "" => return Err(Error::usage("reading the URL", "there is none").next("pipe it in")),
            url => Secret::new(url),
        },
    };
    let (target, endpoint) = xtask_release::services::attach(repo, env, &url)?;
    // On a cluster it is the pods that must reach it; this machine may not.
    if !target.is_cluster() {
        let answers = xtask_run::services::answers(&endpoint.host, endpoint.port);
        if at_once(answers)? != State::Up {
            ui.note(&format!("nothing answers at {}:{} now", endpoint.host, endpoint.port));
        }
    } else if ["localhost", "127.0.0.1", "::1"].contains(&endpoint.host.as_str()) {
        ui.note(&format!("to a pod on the cluster, {} is the pod itself", endpoint.host));
    }
    let text = format!("{env}: {POSTGRES} is {endpoint} now; the next release of {env} carries it");
    ui.result(&text, &Attached { env, name: POSTGRES, endpoint: endpoint.to_string() });
    Ok(())
}

/// Waits for what gives up in time by itself, and not for name servers that it may have asked.
fn at_once<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = super::runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}
