//! A one-off process on a cluster: a Job like the release's migration, but with another command.

mod attached;
mod output;
mod rights;

use std::{pin::pin, time::Duration};

use futures_util::StreamExt;
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Pod},
    },
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{Config, watcher},
    },
};
use serde_json::{Value, json};
use tokio::time::{self, Instant};
use xtask_contract::{
    Context, Error, Progress, Release, Result,
    labels::{self, Part},
    ledger::Verified,
};

use self::{
    attached::{at_terminal, feed},
    output::{ended, follow},
};
use crate::{
    api_error::ApiContext,
    api_error::{code, words},
    containers::own,
    content,
    health::{self, Health},
    objects::Objects,
    secrets::{self, Stand},
    seen::Seen,
    site::Site,
    watch,
};
use xtask_run::Console;

/// How long the process may take to start.
const START: Duration = Duration::from_mins(2);
/// When what is left of it is deleted, if this command could not do it, in seconds.
const CLEAN_UP: i64 = 600;
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
    progress.step("checking");
    let job = job(site, verified, args, console)?;
    let attaches = console.terminal().is_some() || console.has_input();
    rights::check(site, verified.release.id, attaches).await?;
    check_config(site, &verified.release).await?;
    progress.step("starting the process");
    let jobs: Api<Job> = Api::namespaced(site.client.clone(), site.namespace);
    sweep(&jobs, site).await?;
    let made = jobs.create(&PostParams::default(), &job).await;
    let name = made.asked(|| format!("starting a process of {}", verified.release.id))?.name_any();
    let closed = console.closed();
    let result = tokio::select! {
        biased;
        result = attend(site, &name, console) => result,
        // The reader of the output, such as the next command of a pipe, has closed it: it has seen enough.
        () = closed => Ok(0),
        signal = xtask_run::interrupted() => signal.map(|signal| {
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
    let refuse = |why: String, next: String| {
        Error::refused(format!("starting a process of {}", release.id), why).next(next)
    };
    let maps: Api<ConfigMap> = Api::namespaced(site.client.clone(), site.namespace);
    let config = release.config_name();
    let (map, secret) = tokio::join!(maps.get_opt(&config), secrets::look(site, release, None));
    let map = match map {
        // Without the right to look it is left to the pod to find out.
        Err(error) if code(&error) == Some(403) => Stand::InStep,
        map => match map.asked(|| format!("looking for {config}"))? {
            None => Stand::Missing,
            Some(map) if map.data.clone().unwrap_or_default() != release.config => {
                Stand::Other(format!("configmap/{config} {}", content::words(&map.metadata)))
            }
            Some(_) => Stand::InStep,
        },
    };
    for (name, stand) in [(config, map), (release.secret_name(), secret?)] {
        match stand {
            Stand::InStep => {}
            Stand::Missing => {
                let why = format!("{name}, which holds what it is given, is not on the cluster");
                let next = "name a release that has run lately, or `cargo xtask rollback` to it, which brings it back";
                return Err(refuse(why, next.to_owned()));
            }
            Stand::Other(line) => {
                let next = format!("`cargo xtask run --env {}` makes it anew, if that runs", site.env);
                return Err(refuse(line, next));
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
    let objects = Objects::of(verified, site.further)?;
    let migration = objects.migration.first().and_then(|job| job.data.pointer("/spec/template"));
    let mut template =
        migration.cloned().ok_or_else(|| Error::failed(doing(), "it has no migration to be like"))?;
    let place =
        place_of_own(&template).ok_or_else(|| Error::failed(doing(), "its migration has no container"))?;
    template["metadata"]["labels"][labels::COMPONENT] = json!(NAME);
    template["spec"]["restartPolicy"] = json!("Never");
    template["metadata"]["annotations"][labels::OWN_CONTAINER] = json!(NAME);
    let container = &mut template["spec"]["containers"][place];
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
            "labels": labels::of_part(site.env, verified.release.service.as_ref(), Part::Admin),
            "annotations": { labels::RELEASE: verified.release.id },
        },
        "spec": { "backoffLimit": 0, "ttlSecondsAfterFinished": CLEAN_UP, "template": template },
    });
    serde_json::from_value(job).doing(doing)
}

/// Where the container of the program is among those of a pod's template.
fn place_of_own(template: &Value) -> Option<usize> {
    let pod: Pod = serde_json::from_value(template.clone()).ok()?;
    let name = own(&pod)?.name().to_owned();
    pod.spec?.containers.iter().position(|container| container.name == name)
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
            if own(pod).is_some_and(|own| own.is_running() || own.ended().is_some()) {
                return Ok(name.clone());
            }
            let now = Instant::now();
            match health::start_verdict(&seen, pod, now.into_std()) {
                Health::Failed(failure) => return Err(failure.error(doing())),
                Health::Going(Some(after)) => look_again = look_again.min(now + after),
                Health::Going(None) | Health::Arrived => {}
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
