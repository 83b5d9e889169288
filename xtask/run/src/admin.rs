//! One-off processes: a command of the image, with the config and the secrets of a release.

use std::{io, pin::Pin};

use tokio::sync::mpsc::Receiver;
use xtask_contract::{EnvName, Error, Progress, ReleaseId, Repo, Result, Vouched};

use crate::{
    Wanted, kubernetes, local,
    reach::Reach,
    standing::{record, standing},
};

/// Where a one-off process on a cluster gets its input from, and its output goes to.
pub trait Console {
    /// The kind of terminal (`TERM`) that a person sits at, if one does; then the process has a terminal, too.
    fn terminal(&self) -> Option<String>;

    /// The terminal's columns and rows.
    fn size(&self) -> (u16, u16);

    /// Whether the process is to get any input.
    fn has_input(&self) -> bool;

    /// Begins to read the input, which ends with the sender. From here on, what is typed is for the process.
    fn open(&mut self) -> Result<Receiver<Vec<u8>>>;

    /// Shows what the process has written.
    fn show(&mut self, output: &[u8]) -> io::Result<()>;

    /// Waits until nobody reads what is shown.
    fn closed(&self) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// Runs the image's program once with these arguments, and with the environment that a release gives to its
/// processes: the one that runs, if none is named. Gives back its exit code. On this machine it takes the place of
/// this process, and nothing is given back.
pub async fn admin(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    args: &[String],
    console: &mut dyn Console,
    progress: &dyn Progress,
) -> Result<u8> {
    let id = match id {
        Some(id) => id,
        None => running(repo, env).await?,
    };
    let record = record(repo, env).await;
    let verified = Vouched::of(repo, env, &record)?.release(id)?;
    let Some(reach) = Reach::of(&verified.release.target) else {
        let wanted = Wanted::check(repo, env, id, &record)?;
        return local::admin(repo, env, &wanted, args, console.terminal(), progress)
            .map(|never| match never {});
    };
    let Some(client) = reach.patient_client(repo).await? else { return Err(nothing_runs(env)) };
    kubernetes::admin(&reach.site(&client, env), &verified, args, console, progress).await
}

/// The release that runs, or has run last.
async fn running(repo: &Repo, env: &EnvName) -> Result<ReleaseId> {
    let standing = standing(repo, env).await?;
    let last = standing.running.or(standing.witness.map(|witness| witness.id));
    last.ok_or_else(|| nothing_runs(env))
}

fn nothing_runs(env: &EnvName) -> Error {
    Error::refused(format!("choosing a release of {env}"), "none of them has run here").next(format!(
        "`cargo xtask run --env {env}` runs the newest one; `cargo xtask up --env {env}` makes one first"
    ))
}
