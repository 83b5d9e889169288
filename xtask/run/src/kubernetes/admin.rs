//! A one-off process on a cluster: a Job like the release's migration, but with another command.
//!
//! Its output is read from its log, which begins with its first line, whenever one comes to read it. Only at a
//! terminal, where what is written must be seen before its line ends, it comes from where the input goes to.

use std::{convert::Infallible, future, io, pin::pin, time::Duration};

use futures_util::{AsyncReadExt as _, SinkExt, StreamExt};
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, ContainerStateTerminated, Pod, Secret},
    },
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt,
    api::{AttachParams, AttachedProcess, DeleteParams, ListParams, LogParams, PostParams, TerminalSize},
    runtime::{
        WatchStreamExt,
        watcher::{Config, watch_object, watcher},
    },
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    signal::unix::{SignalKind, signal},
    sync::mpsc::Receiver,
    time::{self, Instant},
};
use xtask_contract::{
    Context, Error, Progress, Release, Result,
    labels::{self, Part},
    ledger::Verified,
};

use super::{
    ApiContext, Objects, Site,
    api_error::{code, words},
    judge::{self, Verdict},
    seen::{Seen, containers},
    watch,
};
use crate::Console;

/// How long the process may take to start.
const START: Duration = Duration::from_mins(2);
/// How long the cluster may not answer in the meantime, and how long to wait before it is asked again.
const LOST: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_secs(2);
/// When what is left of it is deleted, if this command could not do it, in seconds.
const CLEAN_UP: i64 = 600;
/// How long a terminal's first output may take to arrive that was written before anybody listened.
const GATHER: Duration = Duration::from_millis(100);
/// How much later than it refuses to connect the cluster may tell that the process has ended.
const ENDING: Duration = Duration::from_secs(5);
const BUFFER: usize = 16 * 1024;
/// The name of the process, its pod and its container.
const NAME: &str = "admin";

/// Runs the image's program once with these arguments, and gives back its exit code.
pub(crate) async fn admin(
    site: &Site<'_>,
    verified: &Verified,
    args: &[String],
    console: &mut dyn Console,
    progress: &dyn Progress,
) -> Result<u8> {
    progress.step("starting the process");
    check_config(site, &verified.release).await?;
    let jobs: Api<Job> = Api::namespaced(site.client.clone(), site.namespace);
    sweep(&jobs, site).await?;
    let job = job(site, verified, args, console)?;
    let made = jobs.create(&PostParams::default(), &job).await;
    let name = made.asked(|| format!("starting a process of {}", verified.release.id))?.name_any();
    let result = tokio::select! {
        biased;
        result = attend(site, &name, console) => result,
        signal = crate::interrupted() => signal.map(|signal| {
            progress.note(&format!("{signal}: the process is ended"));
            128 + number_of(signal)
        }),
    };
    if let Err(error) = jobs.delete(&name, &DeleteParams::background()).await
        && code(&error) != Some(404)
    {
        progress.note(&format!("job/{name} is left for the cluster to delete: {}", words(&error)));
    }
    result
}

fn number_of(signal: &str) -> u8 {
    match signal {
        "SIGHUP" => 1,
        "SIGINT" => 2,
        _ => 15,
    }
}

/// A release's config is on the cluster from its first `run` on, until it is too old to be rolled back to.
async fn check_config(site: &Site<'_>, release: &Release) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(site.client.clone(), site.namespace);
    let secrets: Api<Secret> = Api::namespaced(site.client.clone(), site.namespace);
    let (config, secret) = (release.config_name(), release.secret_name());
    let found = tokio::join!(maps.get_metadata_opt(&config), secrets.get_metadata_opt(&secret));
    for (name, there) in
        [(config, found.0.map(|one| one.is_some())), (secret, found.1.map(|one| one.is_some()))]
    {
        match there {
            // Who may not look leaves it to the pod to find out.
            Err(error) if code(&error) == Some(403) => {}
            there => {
                if !there.asked(|| format!("looking for {name}"))? {
                    let doing = format!("starting a process of {}", release.id);
                    let why = format!("{name}, which holds what it is given, is not on the cluster");
                    return Err(Error::refused(doing, why).next(
                        "name a release that has run lately, or `cargo xtask rollback` to it, which brings it back",
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Deletes what commands have left that were killed, on clusters that do not do so themselves.
async fn sweep(jobs: &Api<Job>, site: &Site<'_>) -> Result<()> {
    let ours = format!("{},{}={}", site.selector(), labels::PART, Part::Admin);
    let list = jobs.list(&ListParams::default().labels(&ours)).await;
    let now = Timestamp::now();
    for job in list.asked(|| "looking for earlier processes")? {
        let ended = job.status.as_ref().and_then(|status| {
            let over = status
                .conditions
                .iter()
                .flatten()
                .find(|one| matches!(one.type_.as_str(), "Complete" | "Failed"));
            over?.last_transition_time.as_ref().map(|time| time.0)
        });
        if ended.is_some_and(|ended| now.duration_since(ended).as_secs() > CLEAN_UP) {
            let _ = jobs.delete(&job.name_any(), &DeleteParams::background()).await;
        }
    }
    Ok(())
}

/// The release's migration, with another command: the same image, environment, account and limits.
fn job(site: &Site<'_>, verified: &Verified, args: &[String], console: &dyn Console) -> Result<Job> {
    let doing = || format!("making a Job of {}", verified.release.id);
    let objects = Objects::of(verified)?;
    let migration = objects.migration.first().and_then(|job| job.data.pointer("/spec/template"));
    let mut template =
        migration.cloned().ok_or_else(|| Error::failed(doing(), "it has no migration to be like"))?;
    template["metadata"]["labels"][labels::COMPONENT] = json!(NAME);
    template["spec"]["restartPolicy"] = json!("Never");
    let container = &mut template["spec"]["containers"][0];
    container["name"] = json!(NAME);
    container["args"] = json!(args);
    let terminal = console.terminal();
    if console.has_input() {
        container["stdin"] = json!(true);
        container["stdinOnce"] = json!(true);
        container["tty"] = json!(terminal.is_some());
    }
    if let (Some(terminal), Some(variables)) = (terminal, container["env"].as_array_mut()) {
        variables.push(json!({ "name": "TERM", "value": terminal }));
    }
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": format!("{NAME}-"),
            "labels": labels::of_part(site.env, Part::Admin),
            "annotations": { labels::RELEASE: verified.release.id },
        },
        "spec": { "backoffLimit": 0, "ttlSecondsAfterFinished": CLEAN_UP, "template": template },
    });
    serde_json::from_value(job).doing(doing)
}

/// Stays with the process until it has ended.
async fn attend(site: &Site<'_>, job: &str, console: &mut dyn Console) -> Result<u8> {
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let pod = started(site, &pods, job).await?;
    if console.terminal().is_some() {
        at_terminal(&pods, &pod, console).await?;
    } else if console.has_input() {
        let input = console.open()?;
        tokio::select! {
            shown = follow(&pods, &pod, console) => shown?,
            never = feed(&pods, &pod, input) => match never? {},
        }
    } else {
        follow(&pods, &pod, console).await?;
    }
    let end = ended(&pods, &pod).await?;
    Ok(u8::try_from(end.exit_code).unwrap_or(u8::MAX))
}

/// Waits until the process runs, or has run, and tells its pod's name.
async fn started(site: &Site<'_>, pods: &Api<Pod>, job: &str) -> Result<String> {
    let doing = || "starting the process".to_owned();
    let its = Config::default().labels(&format!("job-name={job}"));
    let mut events = pin!(watcher(pods.clone(), its).default_backoff());
    let mut notes = pin!(watch::events(site));
    let mut seen = Seen::default();
    let deadline = Instant::now() + START;
    loop {
        let mut look_again = deadline;
        for (name, pod) in &seen.pods {
            if containers(pod).iter().any(|one| {
                one.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
            }) {
                return Ok(name.clone());
            }
            let now = Instant::now();
            match judge::pod_verdict(&seen, pod, now.into_std()) {
                Verdict::Failed(failure) => return Err(failure.error(doing())),
                Verdict::Going(Some(after)) => look_again = look_again.min(now + after),
                Verdict::Going(None) | Verdict::Arrived => {}
            }
        }
        if Instant::now() >= deadline {
            let why = format!("it does not run after {} s", START.as_secs());
            let next =
                format!("`kubectl --namespace {} describe jobs,pods` shows what keeps it", site.namespace);
            return Err(Error::failed(doing(), why).next(next));
        }
        tokio::select! {
            Some(Ok(event)) = events.next() => seen.pod(event, std::time::Instant::now()),
            Some(Ok(event)) = notes.next() => seen.event(event),
            () = time::sleep_until(look_again) => {}
        }
    }
}

/// Shows the output from its first byte to its last; where the connection is lost on the way, from there on.
async fn follow(pods: &Api<Pod>, pod: &str, console: &mut dyn Console) -> Result<()> {
    let doing = || format!("reading the output of {pod}");
    let (mut shown, mut heard) = (0, Instant::now());
    loop {
        if read_log(pods, pod, &mut shown, console).await.doing(doing)? {
            heard = Instant::now();
        }
        match time::timeout(PAUSE, ended(pods, pod)).await {
            // What is over writes no more, so that what is read now is all.
            Ok(Ok(_)) => {
                read_log(pods, pod, &mut shown, console).await.doing(doing)?;
                return Ok(());
            }
            Ok(Err(error)) => return Err(error),
            Err(_) if heard.elapsed() > LOST => {
                let why = format!("the cluster has not answered for {} s", LOST.as_secs());
                return Err(Error::failed(doing(), why));
            }
            Err(_) => {}
        }
    }
}

/// Shows what comes after the bytes that were shown already, and tells whether the cluster answered.
async fn read_log(
    pods: &Api<Pod>,
    pod: &str,
    shown: &mut usize,
    console: &mut dyn Console,
) -> io::Result<bool> {
    let Ok(log) = pods.log_stream(pod, &LogParams { follow: true, ..LogParams::default() }).await else {
        return Ok(false);
    };
    let (mut log, mut known, mut buffer) = (pin!(log), *shown, vec![0; BUFFER]);
    loop {
        let Ok(length @ 1..) = log.read(&mut buffer).await else { return Ok(true) };
        let again = known.min(length);
        known -= again;
        console.show(&buffer[again..length])?;
        *shown += length - again;
    }
}

/// Gives the process its input, whatever it makes of it, and then waits for ever.
async fn feed(pods: &Api<Pod>, pod: &str, mut input: Receiver<Vec<u8>>) -> Result<Infallible> {
    let params = AttachParams { stdin: true, stdout: false, stderr: false, ..AttachParams::default() };
    if let Some(mut attached) = attach(pods, pod, &params).await? {
        if let Some(mut stdin) = attached.stdin() {
            while let Some(bytes) = input.recv().await {
                if stdin.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            let _ = stdin.shutdown().await;
        }
        // Its end closes the process's input, where the cluster has no other way to.
        let _ = attached.join().await;
    }
    future::pending().await
}

/// A connection to the process, unless that has ended: which the cluster may tell later than it refuses to connect.
async fn attach(pods: &Api<Pod>, pod: &str, params: &AttachParams) -> Result<Option<AttachedProcess>> {
    let doing = || format!("connecting to {pod}");
    match pods.attach(pod, params).await {
        Ok(attached) => Ok(Some(attached)),
        Err(error) => match time::timeout(ENDING, ended(pods, pod)).await {
            Ok(Ok(_)) => Ok(None),
            _ => Err(error).asked(doing),
        },
    }
}

/// Connects the terminal here with the one of the process.
async fn at_terminal(pods: &Api<Pod>, pod: &str, console: &mut dyn Console) -> Result<()> {
    let doing = || format!("connecting to the terminal of {pod}");
    let Some(mut attached) = attach(pods, pod, &AttachParams::interactive_tty()).await? else {
        return follow(pods, pod, console).await;
    };
    let (Some(mut stdin), Some(mut stdout), Some(mut sizes)) =
        (attached.stdin(), attached.stdout(), attached.terminal_size())
    else {
        return Err(Error::failed(doing(), "the cluster gives no terminal"));
    };
    let mut input = console.open()?;
    let mut resized = signal(SignalKind::window_change()).doing(doing)?;
    let (width, height) = console.size();
    // A change of size has many programs draw anew what nobody was there to see; the first one says that somebody is.
    for width in [width.saturating_add(1), width] {
        let _ = sizes.send(TerminalSize { width, height }).await;
    }
    console.show(&first_output(pods, pod, &mut stdout).await).doing(doing)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        tokio::select! {
            read = stdout.read(&mut buffer) => match read {
                Ok(length @ 1..) => console.show(&buffer[..length]).doing(doing)?,
                _ => return Ok(()),
            },
            Some(bytes) = input.recv() => drop(stdin.write_all(&bytes).await),
            Some(()) = resized.recv() => {
                let (width, height) = console.size();
                let _ = sizes.send(TerminalSize { width, height }).await;
            }
        }
    }
}

/// What was written until now, whether or not anybody listened: some of it is in the log, some comes over the
/// connection, and some does both.
async fn first_output(pods: &Api<Pod>, pod: &str, stdout: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let log = pods.logs(pod, &LogParams::default()).await.unwrap_or_default();
    let mut connection = Vec::new();
    let gather = async { while let Ok(1..) = stdout.read_buf(&mut connection).await {} };
    let _ = time::timeout(GATHER, gather).await;
    joined(log.into_bytes(), &connection)
}

/// Two pieces of output in a row, of which the end of the first may be the beginning of the second.
fn joined(mut first: Vec<u8>, second: &[u8]) -> Vec<u8> {
    let both = (0..=first.len().min(second.len())).rev().find(|length| first.ends_with(&second[..*length]));
    first.extend_from_slice(&second[both.unwrap_or(0)..]);
    first
}

/// Waits until the process has ended, and tells how.
async fn ended(pods: &Api<Pod>, pod: &str) -> Result<ContainerStateTerminated> {
    let mut states = pin!(watch_object(pods.clone(), pod).default_backoff());
    while let Some(state) = states.next().await {
        match state {
            Ok(Some(pod)) => {
                if let Some(end) = termination(&pod) {
                    return Ok(end.clone());
                }
            }
            Ok(None) => break,
            Err(_) => {}
        }
    }
    Err(Error::failed(format!("waiting for the end of {pod}"), "somebody has deleted it"))
}

fn termination(pod: &Pod) -> Option<&ContainerStateTerminated> {
    containers(pod).first()?.state.as_ref()?.terminated.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_comes_by_two_ways_is_shown_once() {
        let cases = [
            ("", "", ""),
            ("a\n", "", "a\n"),
            ("", "> ", "> "),
            ("a\nb\n", "b\n> ", "a\nb\n> "),
            ("a\nb\n", "a\nb\n> ", "a\nb\n> "),
            ("a\n", "b\n", "a\nb\n"),
            ("aaa", "aa", "aaa"),
        ];
        for (log, connection, shown) in cases {
            assert_eq!(joined(log.into(), connection.as_bytes()), shown.as_bytes(), "{log:?} {connection:?}");
        }
    }
}
