//! `cargo xtask status`: what a deploy runs, and what there is unlike its release.

use std::fmt::Write;

use chrono::SecondsFormat;
use xtask_contract::{Digest, EnvName, Repo, Result};
use xtask_run::{PodStatus, ProcessStatus, Report};

use crate::{
    End, cli,
    ui::{Colours, Ui},
};

pub(crate) fn status(repo: &Repo, args: &cli::Status, ui: &Ui) -> Result<End> {
    let report = super::runtime()?.block_on(xtask_run::status(repo, &args.env))?;
    ui.result(words(&args.env, &report, ui.result_colours()).trim_end(), &report);
    Ok(if report.is_in_step() { End::Done } else { End::Drifted })
}

fn words(env: &EnvName, report: &Report, colours: Colours) -> String {
    let mut text = match (&report.release, &report.since) {
        (Some(release), Some(since)) => format!("{env} runs release {release} since {since}\n"),
        (Some(release), None) => format!("{env} runs release {release}\n"),
        (None, _) => {
            let verb = if report.not_run_yet.is_some() { "run" } else { "up" };
            format!("{env} runs nothing; `cargo xtask {verb} --env {env}` changes that\n")
        }
    };
    for process in &report.processes {
        text.push_str(&process_words(process));
    }
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    if let Some(who) = &report.changing {
        line(format!("under way: {who}"));
    }
    if let Some(failed) = &report.failed {
        let cause = failed.cause.as_deref().map_or_else(String::new, |cause| format!(" ({cause})"));
        let at = failed.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        line(format!("failed: {} at {at}{cause}, run by {}", failed.release, failed.by));
        line(format!("  {}: {}", failed.doing, failed.why.join("\n").replace('\n', "\n  ")));
    }
    if let Some(newest) = report.not_run_yet {
        line(format!("released, but not running: {newest}"));
    }
    match report.drift.as_slice() {
        [] if report.release.is_some() => {
            let step = "in step with its release";
            line(match troubles(report).as_slice() {
                [] => step.to_owned(),
                troubles => format!("{step}, but {}", troubles.join(", and ")),
            });
        }
        [] => {}
        drift => {
            line(colours.removed(&format!("drifted from its release, {} in all:", drift.len())));
            for one in drift {
                line(format!("  - {one}"));
            }
        }
    }
    if !report.failing.is_empty() {
        line("probes that fail:".to_owned());
    }
    for one in &report.failing {
        line(format!("  - {one}"));
    }
    if let Some(next) = &report.next {
        line(format!("  next: {next}"));
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

fn process_words(process: &ProcessStatus) -> String {
    let ProcessStatus { name, wanted, ready, restarts, pods } = process;
    let restarts = match restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        many => format!(", {many} restarts"),
    };
    let head = format!("{name}: {ready} of {wanted} ready{restarts}\n");
    pods.iter().fold(head, |text, pod| text + &pod_words(pod))
}

fn pod_words(pod: &PodStatus) -> String {
    let state = match (pod.ending, pod.ready) {
        (true, _) => "ending",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    if pod.image.is_empty() {
        return format!("  {}  {state}\n", pod.name);
    }
    let short = pod.image.parse::<Digest>().map_or_else(|_| pod.image.clone(), |image| image.short());
    let config: Vec<&str> = pod.config.iter().map(|name| name.rsplit('-').next().unwrap_or(name)).collect();
    format!("  {}  {state}  image {short}  config {}\n", pod.name, config.join(" "))
}
