//! The log of one pod, read to its end as it comes.

use std::{
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};

use futures_util::{AsyncBufRead, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time,
};

use super::{
    Source, code,
    gap::Gap,
    place::Place,
    stream::{new_lines, params, second},
    word::Word,
};

/// The pause before a log that broke off is asked for again.
const PAUSE: Duration = Duration::from_millis(300);

/// A pod whose log is read.
pub(super) struct Tail {
    api: Api<Pod>,
    pod: Rc<Source>,
    place: Place,
    becomes: watch::Receiver<Source>,
    tell: UnboundedSender<Word>,
}

/// Why the reading of a log has come to an end.
enum End {
    /// There was no more, for now or for good.
    Reached,
    /// There is no such pod any more, or it may not be read.
    Gone,
}

impl Tail {
    pub(super) fn new(
        api: Api<Pod>,
        pod: Source,
        becomes: watch::Receiver<Source>,
        tell: UnboundedSender<Word>,
    ) -> Self {
        let place = pod.place;
        Self { api, pod: Rc::new(pod), place, becomes, tell }
    }

    /// Reads until the pod has ended for good.
    pub(super) async fn read(mut self) {
        let mut restarts = self.pod.restarts.unwrap_or_default();
        loop {
            // What is true before the log is read to its end is not overtaken by what comes meanwhile.
            let ended = self.becomes.borrow_and_update().ended;
            if let End::Gone = self.log(LogParams { follow: !ended, ..params(&self.pod, false) }).await {
                return;
            }
            if ended || self.wait().await.is_none() {
                return;
            }
            let now = self.becomes.borrow().restarts.unwrap_or_default();
            if std::mem::replace(&mut restarts, now) < now {
                // What the container before wrote last may not have been read.
                self.log(params(&self.pod, true)).await;
            }
        }
    }

    /// Waits until there may be more to read; none, if there never will be.
    async fn wait(&mut self) -> Option<()> {
        time::sleep(PAUSE).await;
        if self.becomes.borrow().running {
            // The connection was cut, or it is not known yet that the container has ended.
            return self.becomes.has_changed().ok().map(drop);
        }
        // It has ended: whether it starts again will be told.
        self.becomes.wait_for(|pod| pod.running || pod.ended).await.ok().map(drop)
    }

    async fn log(&mut self, params: LogParams) -> End {
        let params = LogParams { since_time: self.place.since().and_then(second), ..params };
        let error = match self.api.log_stream(&self.pod.name, &params).await {
            Ok(log) => {
                self.lines(log, &params).await;
                return End::Reached;
            }
            Err(error) => error,
        };
        match code(&error) {
            Some(404) => End::Gone,
            Some(403) => {
                self.say(Word::Refused(error));
                End::Gone
            }
            // Its container is just being made, or there was none before it.
            Some(400) => End::Reached,
            _ => {
                self.say(Word::Trouble(error));
                End::Reached
            }
        }
    }

    async fn lines(&mut self, log: impl AsyncBufRead, params: &LogParams) {
        let mut lines = pin!(new_lines(log, self.place.again(), !params.follow));
        let mut waits_since: Option<Instant> = None;
        // Where it breaks off, it is asked for again from there.
        while let Some(Ok(heard)) = lines.next().await {
            // What was missed before this connection, no waiting accounts for.
            let waited = waits_since.map(|since| since.elapsed()).unwrap_or_default();
            if let Some(last) = self.place.since().filter(|_| !params.previous)
                && let Some(gap) = Gap::between(last, heard.time, waited, &self.pod, &self.api).await
            {
                self.say(Word::Gap(self.pod.clone(), gap));
            }
            self.place.pass(heard.time);
            self.say(Word::Line(self.pod.clone(), heard));
            waits_since = Some(Instant::now());
        }
    }

    fn say(&self, word: Word) {
        // Nobody listens any more: then this ends, too.
        let _ = self.tell.send(word);
    }
}
