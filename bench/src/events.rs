//! From a request to one process to the event in the stream of another one.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{Response, body::Incoming};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Outcome,
    client::{Address, Client, unexpected},
    figures::Figures,
    work,
};

/// After this an event is lost rather than late.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two events, so that each is on its own.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn run(write: Address, watch: Address, count: usize) -> Outcome<Figures> {
    let mut watcher = Client::connect(watch).await?;
    let mut stream = Stream { answer: watcher.open("/api/events").await?, text: String::new() };
    // The first event says that the stream has begun.
    stream.until("event: resync").await?;
    let mut writer = Client::connect(write).await?;
    let (start, mut times) = (Instant::now(), Vec::new());
    for _ in 0..count {
        let sent = Instant::now();
        let heard = async {
            stream.until("event: saved").await?;
            Ok::<_, Box<dyn std::error::Error>>(sent.elapsed())
        };
        let (heard, answer) = tokio::join!(heard, writer.post("/api/todos", work::body()));
        let answer = answer?;
        if !answer.status().is_success() {
            return Err(unexpected(&answer).into());
        }
        times.push(heard?);
        sleep(PAUSE).await;
    }
    Figures::of(times, start.elapsed())
}

/// A stream of events, and what was read of it but not yet looked at.
struct Stream {
    answer: Response<Incoming>,
    text: String,
}

impl Stream {
    /// Reads up to the end of the next line like this.
    async fn until(&mut self, line: &str) -> Outcome {
        let line = format!("{line}\n");
        loop {
            if let Some(at) = self.text.find(&line) {
                self.text.drain(..at + line.len());
                return Ok(());
            }
            let frame = timeout(PATIENCE, self.answer.frame()).await;
            let frame = frame.map_err(|_| format!("no event after {PATIENCE:?}"))?;
            let frame = frame.ok_or("the stream of events has ended")??;
            if let Some(data) = frame.data_ref() {
                self.text.push_str(&String::from_utf8_lossy(data));
            }
        }
    }
}
