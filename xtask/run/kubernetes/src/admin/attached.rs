//! A connection to a one-off process: for its input, or between its terminal and the one here. At a terminal, where what
//! is written must be seen before its line ends, the output comes from where the input goes to.

use std::{convert::Infallible, future, time::Duration};

use futures_util::SinkExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{AttachParams, AttachedProcess, LogParams, TerminalSize},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    signal::unix::{SignalKind, signal},
    sync::mpsc::Receiver,
    time,
};
use xtask_contract::{Context, Error, Result};

use super::{
    NAME,
    output::{BUFFER, ended, follow},
};
use crate::api_error::ApiContext;
use xtask_run::Console;

/// How long a terminal's first output may take to arrive that was written before anybody listened.
const GATHER: Duration = Duration::from_millis(100);
/// How much later than it refuses to connect the cluster may tell that the process has ended.
const ENDING: Duration = Duration::from_secs(5);

/// Gives the process its input, whatever it makes of it, and then waits for ever.
pub(super) async fn feed(pods: &Api<Pod>, pod: &str, mut input: Receiver<Vec<u8>>) -> Result<Infallible> {
    let params = AttachParams { stdin: true, stdout: false, stderr: false, ..AttachParams::default() };
    if let Some(mut attached) = attach(pods, pod, params).await? {
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
async fn attach(pods: &Api<Pod>, pod: &str, params: AttachParams) -> Result<Option<AttachedProcess>> {
    let doing = || format!("connecting to {pod}");
    let params = AttachParams { container: Some(NAME.into()), ..params };
    match pods.attach(pod, &params).await {
        Ok(attached) => Ok(Some(attached)),
        Err(error) => match time::timeout(ENDING, ended(pods, pod)).await {
            Ok(Ok(_)) => Ok(None),
            _ => Err(error).asked(doing),
        },
    }
}

/// Connects the terminal here with the one of the process.
pub(super) async fn at_terminal(pods: &Api<Pod>, pod: &str, console: &mut dyn Console) -> Result<()> {
    let doing = || format!("connecting to the terminal of {pod}");
    let Some(mut attached) = attach(pods, pod, AttachParams::interactive_tty()).await? else {
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
    let params = LogParams { container: Some(NAME.into()), ..LogParams::default() };
    let log = pods.logs(pod, &params).await.unwrap_or_default();
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
