//! Whether lines are missing in a log that is followed. The kubelet follows a container's log from one file to the next; if
//! it is rotated twice before that, the one between is left out without a word, and nothing gives it any more.

use std::{pin::pin, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};

use super::{
    Source, containers,
    stream::{Heard, params, whole_lines},
};

/// A file in between has lines of at least so long: logs are rotated no more often.
const SILENCE: Duration = Duration::from_secs(2);

/// What holds the time of a line.
const HEAD: i64 = 64;

/// Lines that may be missing, of a pod's log, between these times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) after: DateTime<Utc>,
    pub(super) before: DateTime<Utc>,
}

impl Gap {
    /// Between this line and the next one, if the log that has the next one begins later than this one. So does a log that
    /// was rotated once while nothing was written: then the next line was waited for as long as that took.
    pub(super) async fn between(
        after: DateTime<Utc>,
        before: DateTime<Utc>,
        waited: Duration,
        pod: &Source,
        api: &Api<Pod>,
    ) -> Option<Self> {
        let silence = (before - after).to_std().unwrap_or_default();
        if silence.saturating_sub(waited) < SILENCE || first(api, pod).await? <= after {
            return None;
        }
        // A log begins with its container.
        let began = api.get(&pod.name).await.ok().and_then(|pod| {
            let since = containers::own(&pod)?.running_since()?;
            DateTime::from_timestamp(since.as_second(), 0)
        });
        began.filter(|began| *began <= after).map(|_| Self { after, before })
    }
}

/// The time of the first line that the node still gives.
async fn first(api: &Api<Pod>, pod: &Source) -> Option<DateTime<Utc>> {
    let head = LogParams { limit_bytes: Some(HEAD), ..params(pod, false) };
    let log = api.log_stream(&pod.name, &head).await.ok()?;
    let mut lines = pin!(whole_lines(log));
    let Heard { time, .. } = lines.next().await?.ok()?;
    Some(time)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hyper::{Request, Response};
    use kube::{Client, client::Body};
    use serde_json::{Value, from_value, json};
    use tower::service_fn;

    use super::*;

    const BEGAN: &str = "2011-04-06T20:00:00Z";

    fn pod() -> Value {
        json!({
            "metadata": {
                "name": "web-1",
                "labels": { "app.kubernetes.io/component": "web" },
                "annotations": { "twelve-factor.dev/release": "2011-04-06-20:00:00" },
            },
            "spec": { "containers": [{ "name": "web" }] },
            "status": { "containerStatuses": [{
                "name": "web", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                "state": { "running": { "startedAt": BEGAN } },
            }] },
        })
    }

    /// What is missing between these two, where the log begins like this now.
    async fn gap(after: &str, before: &str, log: &'static str) -> Option<Gap> {
        gap_after(Duration::ZERO, after, before, log).await
    }

    /// The same, where the next line was waited for so long.
    async fn gap_after(waited: Duration, after: &str, before: &str, log: &'static str) -> Option<Gap> {
        let service = service_fn(move |request: Request<Body>| {
            let is_log = request.uri().path().ends_with("/log");
            let text = if is_log { log.to_owned() } else { pod().to_string() };
            std::future::ready(Ok::<_, Infallible>(Response::new(Body::from(text.into_bytes()))))
        });
        let api = Api::namespaced(Client::new(service, "todo"), "todo");
        let source = Source::of(&from_value(pod()).unwrap()).unwrap();
        Gap::between(time(after), time(before), waited, &source, &api).await
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_log_that_was_rotated_while_nothing_was_written_lacks_nothing() {
        let (after, before) = ("2011-04-06T20:32:17.5Z", "2011-04-06T20:32:40Z");
        let log = "2011-04-06T20:32:40Z and so on\n";
        let prompt = Duration::from_millis(22_100);
        assert_eq!(gap_after(prompt, after, before, log).await, None);
        let late = Duration::from_secs(5);
        assert!(
            gap_after(late, after, before, log).await.is_some(),
            "what came so soon was written long after"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_log_that_begins_after_what_was_read_of_it_lacks_something() {
        let (after, before) = ("2011-04-06T20:32:17.5Z", "2011-04-06T20:32:40Z");
        let rotated = gap(after, before, "2011-04-06T20:32:40Z and so on").await;
        assert_eq!(rotated, Some(Gap { after: time(after), before: time(before) }));
        assert_eq!(gap(after, before, "2011-04-06T20:32:17.5Z the same\n").await, None, "it was silent");
        assert_eq!(gap(after, before, "2011-04-06T20:01:00Z first\n").await, None, "it was silent");
        assert_eq!(gap(after, before, "").await, None, "there is nothing to be told from");
        let at_once = gap(after, "2011-04-06T20:32:18Z", "2011-04-06T20:32:18Z and so on").await;
        assert_eq!(at_once, None, "a file in between would have lines of longer");
        let restarted = gap("2011-04-06T19:59:00Z", before, "2011-04-06T20:00:01Z listening\n").await;
        assert_eq!(restarted, None, "another container, another log");
    }
}
