//! `cargo xtask status`: what a deploy runs, and what there is unlike its release.

use chrono::SecondsFormat;
use xtask_contract::{Digest, EnvName, ReleaseId, Repo, Result};
use xtask_run::{PodStatus, ProcessStatus, Report};

use crate::backends::Known;
use crate::{
    End, cli,
    ui::{Text, Ui},
};

pub(crate) fn status(repo: &Repo, args: &cli::Status, backends: &Known<'_>, ui: &Ui) -> Result<End> {
    let report = super::runtime()?.block_on(xtask_run::status(repo, &args.env, backends))?;
    ui.result(words(&args.env, &report), &report);
    Ok(if report.is_in_step() { End::Done } else { End::Drifted })
}

fn words(env: &EnvName, report: &Report) -> Text {
    let mut text = Text::from(match (&report.release, &report.since) {
        (None, Some(since)) if let Some(quick) = &report.quick => format!("{env} runs {quick} since {since}"),
        (Some(release), Some(since)) => format!("{env} runs release {release} since {since}"),
        (Some(release), None) => format!("{env} runs release {release}"),
        // What is wrong with its releases comes first, and has a next step of its own.
        (None, _) if !report.is_in_step() => format!("{env} runs nothing"),
        (None, _) => {
            let verb = if report.not_run_yet.is_some() { "run" } else { "up" };
            format!("{env} runs nothing; `cargo xtask {verb} --env {env}` changes that")
        }
    });
    if let Some(url) = &report.url {
        text.push(format!("at {url}"));
    }
    for process in &report.processes {
        text.push(process_words(process));
    }
    if let Some(who) = &report.changing {
        text.push(format!("under way: {who}"));
    }
    if let Some(failed) = &report.failed {
        let cause = failed.cause.as_deref().map_or_else(String::new, |cause| format!(" ({cause})"));
        let at = failed.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        text.push(format!("failed: {} at {at}{cause}, run by {}", failed.release, failed.by));
        text.push(Text::paragraph(&format!("  {}: {}", failed.doing, failed.why.join("\n"))));
    }
    // Of one that has failed this was said above.
    let failed = |newest: &ReleaseId| report.failed.as_ref().is_some_and(|failed| failed.release == *newest);
    if let Some(newest) = report.not_run_yet.filter(|newest| !failed(newest)) {
        text.push(format!("released, but not running: {newest}"));
    }
    match report.drift.as_slice() {
        [] if report.release.is_some() => {
            let step = "in step with its release";
            text.push(match troubles(report).as_slice() {
                [] => step.to_owned(),
                troubles => format!("{step}, but {}", troubles.join(", and ")),
            });
        }
        [] => {}
        drift => {
            let from =
                if report.release.is_some() { "drifted from its release" } else { "not as it should be" };
            text.push(Text::removed(format!("{from}, {} in all:", drift.len())));
            for one in drift {
                text.push(format!("  - {one}"));
            }
        }
    }
    if !report.failing.is_empty() {
        text.push("probes that fail:");
    }
    for one in &report.failing {
        text.push(format!("  - {one}"));
    }
    if let Some(next) = &report.next {
        text.push(format!("  next: {next}"));
    }
    text
}

/// What is not as it should be though it is as the release says.
fn troubles(report: &Report) -> Vec<String> {
    let unready = report.processes.iter().filter(|process| process.ready < process.wanted);
    let names: Vec<&str> = unready.map(|process| process.name.as_str()).collect();
    let unready = (!names.is_empty()).then(|| format!("not all of {} is ready", names.join(" and ")));
    unready.into_iter().chain((!report.failing.is_empty()).then(|| "probes fail".to_owned())).collect()
}

fn process_words(process: &ProcessStatus) -> Text {
    let ProcessStatus { name, wanted, ready, restarts, pods } = process;
    let restarts = match restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        many => format!(", {many} restarts"),
    };
    let mut text = Text::from(format!("{name}: {ready} of {wanted} ready{restarts}"));
    text.push(Text::lines(pods.iter().map(pod_words)));
    text
}

fn pod_words(pod: &PodStatus) -> String {
    let state = match (pod.ending, pod.ready) {
        (true, _) => "ending",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    if pod.image.is_empty() {
        return format!("  {}  {state}", pod.name);
    }
    let short = pod.image.parse::<Digest>().map_or_else(|_| pod.image.clone(), |image| image.short());
    let config: Vec<&str> = pod.config.iter().map(|name| name.rsplit('-').next().unwrap_or(name)).collect();
    format!("  {}  {state}  image {short}  config {}", pod.name, config.join(" "))
}
