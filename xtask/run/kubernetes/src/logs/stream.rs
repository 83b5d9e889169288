//! The lines of one pod, as the cluster gives them: each with its time in front.

use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::{AsyncBufRead, AsyncBufReadExt, Stream, StreamExt, stream};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{Api, api::LogParams};
use xtask_contract::{Context, Result};

use super::{Site, Source, code, place::Again, refused_by_name};
use xtask_run::logs::Query;

/// A line, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) time: DateTime<Utc>,
    pub(super) text: String,
}

impl Heard {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (time, text) = line.split_once(' ')?;
        let time = DateTime::parse_from_rfc3339(time).ok()?.to_utc();
        Some(Self { time, text: text.trim_end().to_owned() })
    }
}

/// The logs of a pod's containers, one after the other.
pub(super) struct Opened {
    logs: Vec<Pin<Box<dyn AsyncBufRead>>>,
    doing: String,
}

impl Opened {
    /// What is there: of the container before the last restart, too, or of that alone.
    pub(super) async fn of(api: &Api<Pod>, site: &Site<'_>, pod: &Source, query: &Query) -> Result<Self> {
        let restarted = pod.restarts.is_some_and(|restarts| restarts > 0);
        let wanted = match (restarted, query.previous) {
            (true, true) => &[true][..],
            (false, true) => &[],
            (true, false) => &[true, false],
            (false, false) => &[false],
        };
        let mut logs = Vec::new();
        for &previous in wanted {
            let last = query.last.filter(|_| query.grep.is_none());
            let params = LogParams {
                since_time: query.since.and_then(second),
                tail_lines: last.and_then(|last| last.max(1).try_into().ok()),
                ..params(pod, previous)
            };
            match api.log_stream(&pod.name, &params).await {
                Ok(log) => logs.push(Box::pin(log) as Pin<Box<dyn AsyncBufRead>>),
                // The pod is gone since it was listed; or its container of before is.
                Err(error) if matches!(code(&error), Some(400 | 404)) => {}
                Err(error) => return refused_by_name(Err(error), site),
            }
        }
        Ok(Self { logs, doing: format!("reading the log of the pod {}", pod.name) })
    }

    /// The lines.
    pub(super) fn lines(self) -> impl Stream<Item = Result<Heard>> {
        let Self { logs, doing } = self;
        let all = stream::iter(logs).flat_map(|log| lines(log, true));
        all.map(move |heard| heard.doing(|| doing.clone()))
    }
}

/// What a pod's log is asked for with.
pub(super) fn params(pod: &Source, previous: bool) -> LogParams {
    let container = Some(pod.container.clone());
    LogParams { container, previous, timestamps: true, ..LogParams::default() }
}

/// The second in which this time is: a log can be asked for by seconds alone.
pub(super) fn second(time: DateTime<Utc>) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

/// What is new in a log that is read again.
pub(super) fn new_lines(
    log: impl AsyncBufRead,
    mut again: Again,
    to_its_end: bool,
) -> impl Stream<Item = std::io::Result<Heard>> {
    lines(log, to_its_end).filter(move |heard| {
        let new = heard.as_ref().map_or(true, |heard| again.is_new(heard.time));
        std::future::ready(new)
    })
}

/// The lines of a log up to its end.
pub(super) fn whole_lines(log: impl AsyncBufRead) -> impl Stream<Item = std::io::Result<Heard>> {
    lines(log, true)
}

/// What a container has written. Empty where that cannot be read, about which the cluster says a word of its own.
pub(crate) async fn written(pods: &Api<Pod>, pod: &str, params: LogParams) -> Vec<String> {
    match pods.log_stream(pod, &LogParams { timestamps: true, ..params }).await {
        Ok(log) => whole_lines(log).filter_map(async |line| Some(line.ok()?.text)).collect().await,
        Err(_) => Vec::new(),
    }
}

/// The lines of a log. Where it was cut, in the middle of a line, that one is not there yet, unless this is the end.
fn lines(log: impl AsyncBufRead, to_its_end: bool) -> impl Stream<Item = std::io::Result<Heard>> {
    let begin = (Box::pin(log), Vec::new());
    let read = stream::try_unfold(begin, move |(mut log, mut line)| async move {
        line.clear();
        log.read_until(b'\n', &mut line).await?;
        let whole = line.ends_with(b"\n") || to_its_end && !line.is_empty();
        Ok(whole.then(|| (Heard::parse(&line), (log, line))))
    });
    // What has no time is a word of the cluster's own, about a log that it cannot read.
    read.filter_map(|heard| std::future::ready(heard.transpose()))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    const LOG: &[u8] = b"2011-04-06T20:32:17.5Z one\nunable to retrieve container logs\n\
        2011-04-06T22:32:18.000000001+02:00 two  words \n2011-04-06T20:32:19Z \n2011-04-06T20:32:20Z cut";

    async fn texts(to_its_end: bool) -> Vec<String> {
        let lines: Vec<Heard> = lines(LOG, to_its_end).try_collect().await.unwrap();
        lines.into_iter().map(|heard| heard.text).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_line_that_was_cut_is_none_unless_that_is_the_end() {
        assert_eq!(texts(false).await, ["one", "two  words", ""]);
        assert_eq!(texts(true).await, ["one", "two  words", "", "cut"]);
    }
}
