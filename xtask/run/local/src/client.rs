//! How other commands speak with the `run` of a deploy that is up.

use std::{collections::BTreeMap, io};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::UnixStream,
};
use xtask_contract::{Context, EnvName, Error, Progress, ReleaseId, Repo, Result};

use crate::{
    control::{Action, Reply, Request, VERSION},
    holder::user,
    lock, socket_folder,
    state::State,
};
use xtask_run::{Amount, Formation, IfBusy, Options, Ran};

/// What became of a request.
pub(crate) enum Outcome {
    Done(Reply),
    /// No `run` answers, or it ended before it was this command's turn.
    Nobody,
}

/// How the deploy is, if a `run` of it is up. It is not kept waiting, nor does it keep anybody waiting.
pub async fn state(repo: &Repo, env: &EnvName) -> Result<Option<State>> {
    let doing = format!("asking how {env} is");
    match ask(repo, env, &doing, Action::State, IfBusy::Wait, &xtask_contract::progress::Silent).await? {
        Outcome::Nobody => Ok(None),
        Outcome::Done(Reply::State(state)) => Ok(Some(*state)),
        Outcome::Done(_) => Err(misunderstood(doing)),
    }
}

/// Has the `run` that is up take a release over, if there is one.
pub(crate) async fn run(
    repo: &Repo,
    env: &EnvName,
    release: ReleaseId,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Option<Ran>> {
    let doing = format!("running {release} of {env}");
    let action = Action::Run { release, start: options.start };
    match ask(repo, env, &doing, action, options.if_busy, progress).await? {
        Outcome::Nobody => Ok(None),
        Outcome::Done(Reply::Ran(ran)) => Ok(Some(ran)),
        Outcome::Done(_) => Err(misunderstood(doing)),
    }
}

/// Has the `run` that is up start or stop processes, if there is one; how many there are of each type then.
pub(crate) async fn scale(
    repo: &Repo,
    env: &EnvName,
    requests: &BTreeMap<String, Amount>,
    if_busy: IfBusy,
    progress: &dyn Progress,
) -> Result<Option<Formation>> {
    let doing = format!("scaling {env}");
    match ask(repo, env, &doing, Action::Scale { requests: requests.clone() }, if_busy, progress).await? {
        Outcome::Nobody => Ok(None),
        Outcome::Done(Reply::Scaled(counts)) => Ok(Some(counts)),
        Outcome::Done(_) => Err(misunderstood(doing)),
    }
}

async fn ask(
    repo: &Repo,
    env: &EnvName,
    doing: &str,
    action: Action,
    if_busy: IfBusy,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let mut stream = match socket_folder::connect(&lock::folder(repo, env)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(Outcome::Nobody);
        }
        Err(error) => return Err(Error::failed(doing, format!("its `run` cannot be asked: {error}"))),
    };
    let request = Request { version: VERSION, user: user(), wait: if_busy == IfBusy::Wait, action };
    let line = serde_json::to_string(&request).doing(|| doing)? + "\n";
    if stream.write_all(line.as_bytes()).await.is_err() {
        return Ok(Outcome::Nobody); // it ends just now
    }
    listen(env, doing, BufReader::new(stream).lines(), progress).await
}

async fn listen(
    env: &EnvName,
    doing: &str,
    mut lines: Lines<BufReader<UnixStream>>,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let mut begun = false;
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line).map_err(|_| misunderstood(doing))? {
            Reply::Waiting(holder) => progress.step(&format!("waiting for {holder}")),
            Reply::Begun => begun = true,
            Reply::Step(what) => progress.step(&what),
            Reply::Detail(what) => progress.detail(&what),
            Reply::Note(what) => progress.note(&what),
            Reply::Line(process, line) => progress.line(&process, &line),
            Reply::Failed(error) => return Err(error),
            done @ (Reply::Ran(_) | Reply::Scaled(_) | Reply::State(_)) => return Ok(Outcome::Done(done)),
        }
    }
    if !begun {
        return Ok(Outcome::Nobody);
    }
    Err(Error::failed(doing, "the `run` that was up ended before it was done")
        .next(format!("`cargo xtask run --env {env}` starts what was asked for")))
}

fn misunderstood(doing: impl Into<String>) -> Error {
    Error::failed(doing, "the `run` that is up is of another version of xtask, and its answer makes no sense")
        .next("stop it with `cargo xtask down`, and run the same command again")
}
