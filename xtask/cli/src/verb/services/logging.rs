//! The log shipper among a deploy's backing services: it takes from the processes instead of giving to them.

use serde::Serialize;
use xtask_contract::{Deploy, EnvName, Error, Logging, Repo, Result, deploy::Target};
use xtask_run::{Data, ServiceState, Status};

use super::{Down, Row};
use crate::{backends::Known, ui::Ui, verb};

pub(super) const NAME: &str = "logging";

#[derive(Serialize)]
struct Up<'a> {
    env: &'a EnvName,
    name: &'static str,
    status: Status,
    to: String,
}

pub(super) async fn row(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    logging: &Logging,
    backends: &Known<'_>,
) -> Row {
    let state = xtask_run::logging::state(repo, env, target, backends).await.unwrap_or(ServiceState::Unknown);
    let endpoint = Some(logging.to.to_string());
    Row { name: NAME, variable: None, attached: false, endpoint, sealed: false, state }
}

pub(super) fn up(repo: &Repo, env: &EnvName, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let shipper = xtask_release::services::shipper(repo, env)?;
    let what = (shipper.logging.image.as_str(), shipper.objects.as_str());
    let up = xtask_run::logging::up(repo, env, &shipper.target, what, backends, ui);
    let status = verb::runtime()?.block_on(up)?;
    let to = shipper.logging.to.to_string();
    let since = if status == Status::Unchanged { ", as before" } else { "" };
    let text = format!("{to} — gets what the processes of {env} write{since}");
    ui.result(&text, &Up { env, name: NAME, status, to });
    Ok(())
}

pub(super) fn down(repo: &Repo, env: &EnvName, data: bool, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    if data {
        return Err(Error::usage(
            format!("stopping the log shipper of {env}"),
            "it has no data that --data could delete",
        )
        .next("leave --data out: what it could not send yet stays on the nodes, and the next one sends it"));
    }
    let target = Deploy::read(repo, env)?.target;
    let stopped = verb::runtime()?.block_on(xtask_run::logging::down(repo, env, &target, backends, ui))?;
    let what = if stopped { "stopped" } else { "was not running" };
    ui.result(format!("{env}: {NAME} {what}"), &Down { env, name: NAME, stopped, data: Data::Kept });
    Ok(())
}

pub(super) fn not_attached(env: &EnvName) -> Error {
    Error::usage(format!("attaching a log server to {env}"), "no variable of the service names one").next(
        format!(
            "set `to` of [logging] in k8s/envs/{env}.toml, then `cargo xtask services up {NAME} --env {env}`"
        ),
    )
}
