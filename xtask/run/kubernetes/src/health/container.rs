//! Why a container will not come up, if that is certain.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::ResourceExt;
use xtask_contract::settings::UP_BY_RUNNING;

use xtask_run::Cause;

use crate::{
    containers::{Container, Kind},
    seen::Seen,
};

/// What a container waits for that will not come.
const NO_IMAGE: [&str; 3] = ["ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"];
const NO_START: [&str; 3] = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
/// The words by which a registry says that asking again is no use.
const FINAL: [&str; 6] = ["not found", "manifest unknown", "unauthorized", "denied", "forbidden", "no such"];
/// The reasons of an end without a start: the image has no such program.
const NEVER_RAN: [&str; 2] = ["StartError", "ContainerCannotRun"];

/// Why a container will not come up, if that is certain.
pub(super) fn failure(seen: &Seen, pod: &Pod, container: &Container<'_>) -> Option<(Cause, String)> {
    let name = pod.name_any();
    let old_news = seen.is_old_news(pod, container);
    let killed = seen.probe_failure(&name, container.name()).filter(|_| !old_news);
    let by_probe = |note: &crate::seen::Note| (Cause::ProbeFailed, note.message.clone());
    match cannot_start(seen, &name, container).or_else(|| ends(seen, &name, container, old_news)) {
        None | Some((Cause::ExitAtStart | Cause::CrashLoop, _)) if let Some(note) = killed => {
            Some(by_probe(note))
        }
        other => other,
    }
}

/// It waits for what will not come.
fn cannot_start(seen: &Seen, pod: &str, container: &Container<'_>) -> Option<(Cause, String)> {
    let (reason, message) = container.waits_for()?;
    let message = message.unwrap_or("no message");
    let lower = message.to_lowercase();
    // One that is pulled again has failed before, which may have been told in between.
    let final_word = || FINAL.iter().any(|word| lower.contains(word));
    let no_pull = reason == "ErrImagePull" && (final_word() || seen.backs_off_pulling(pod, container.name()));
    if NO_IMAGE.contains(&reason) || no_pull {
        let why = format!("its image {} cannot be had ({reason}: {message})", container.image());
        return Some((Cause::ImageUnavailable, why));
    }
    // A kubelet that has not yet heard of a new object asks again.
    let late = lower.contains("failed to sync");
    (NO_START.contains(&reason) && !late).then(|| cannot_be_made(reason, message))
}

fn cannot_be_made(reason: &str, message: &str) -> (Cause, String) {
    (Cause::ConfigRefused, format!("its container cannot be made ({reason}: {message})"))
}

/// It ends, and again after it was started again.
fn ends(seen: &Seen, pod: &str, container: &Container<'_>, old_news: bool) -> Option<(Cause, String)> {
    let now = container.ended().filter(|end| container.kind != Kind::Init || end.exit_code != 0);
    let before = container.ended_before().filter(|_| !old_news && !container.is_done());
    if let Some(why) = [now, before].into_iter().flatten().find_map(out_of_memory) {
        return Some((Cause::OutOfMemory, why));
    }
    // The first restart comes at once; an end after that is no accident.
    let backs_off = container.waits_for().is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    let again = backs_off || (container.restarts() > 0 && now.is_some());
    let end = now.or(before).filter(|_| again)?;
    let reason = end.reason.as_deref().unwrap_or_default();
    if NEVER_RAN.contains(&reason) {
        return Some(cannot_be_made(reason, end.message.as_deref().unwrap_or("no message")));
    }
    let code = end.exit_code;
    Some(if container.kind == Kind::Init {
        (Cause::ExitAtStart, format!("it ended, and again after a restart, with exit code {code}"))
    } else if was_ready(seen, pod, container, end) {
        let why = format!("it ended again and again after it had been ready, last with exit code {code}");
        (Cause::CrashLoop, why)
    } else {
        let why = format!("it ended before it was ready, and again after a restart, with exit code {code}");
        (Cause::ExitAtStart, why)
    })
}

/// Why a container ended, if that was for want of memory.
pub(super) fn out_of_memory(end: &ContainerStateTerminated) -> Option<String> {
    let code = end.exit_code;
    (end.reason.as_deref() == Some("OOMKilled"))
        .then(|| format!("it needed more memory than it may have (exit code {code})"))
}

/// Whether a container was up before it ended. One that no probe asks counts as ready while it runs: whether anybody saw
/// that is chance, so that what counts is how long it ran.
fn was_ready(seen: &Seen, pod: &str, container: &Container<'_>, end: &ContainerStateTerminated) -> bool {
    match (container.asked_by(), &end.started_at, &end.finished_at) {
        ((None, None), Some(started), Some(finished)) => {
            finished.0.duration_since(started.0).as_secs() >= i64::from(UP_BY_RUNNING)
        }
        _ => seen.was_ready(pod, container.name()),
    }
}
