//! The output of a one-off process, and its end.
//!
//! Output is read from the log, which begins with its first line, whenever one comes to read it.

use std::{io, pin::pin, time::Duration};

use futures_util::{AsyncReadExt, StreamExt};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::{
    Api,
    api::LogParams,
    runtime::{WatchStreamExt, watcher::watch_object},
};
use tokio::time::{self, Instant};
use xtask_contract::{Context, Error, Result};

use super::NAME;
use crate::containers::own;
use xtask_run::Console;

/// How long the cluster may not answer, and how long to wait before it is asked again.
const LOST: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_secs(2);
pub(super) const BUFFER: usize = 16 * 1024;

/// Shows the output from its first byte to its last; where the connection is lost on the way, from there on.
pub(super) async fn follow(pods: &Api<Pod>, pod: &str, console: &mut dyn Console) -> Result<()> {
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
    let params = LogParams { follow: true, container: Some(NAME.into()), ..LogParams::default() };
    let Ok(log) = pods.log_stream(pod, &params).await else {
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

/// Waits until the process has ended, and tells how.
pub(super) async fn ended(pods: &Api<Pod>, pod: &str) -> Result<ContainerStateTerminated> {
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
    own(pod)?.ended()
}
