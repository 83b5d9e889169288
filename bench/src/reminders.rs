//! From the moment at which a todo is due to the webhook that hears of it.

use std::{convert::Infallible, net::Ipv4Addr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{Instant, timeout},
};

use crate::{
    Outcome,
    client::{Address, Client, unexpected},
    figures::Figures,
};

/// After this a reminder is lost rather than late.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first is due after this, so that all are created by then.
const AHEAD: TimeDelta = TimeDelta::seconds(2);

/// From one to the next: nothing that the worker's rounds could keep step with.
const APART: TimeDelta = TimeDelta::milliseconds(137);

pub(crate) async fn run(address: Address, port: u16, count: usize) -> Outcome<Figures> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let (heard, mut arrivals) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(receive(stream, heard.clone()));
        }
    });

    let mut client = Client::connect(address).await?;
    let (start, mut due) = (Instant::now(), Utc::now() + AHEAD);
    for _ in 0..count {
        let body = json!({ "title": "Leave for the station", "due_at": due }).to_string();
        let answer = client.post("/api/todos", body).await?;
        if !answer.status().is_success() {
            return Err(unexpected(&answer).into());
        }
        due += APART;
    }
    let mut times = Vec::new();
    while times.len() < count {
        let late = timeout(PATIENCE, arrivals.recv()).await;
        let late = late.map_err(|_| format!("no reminder after {PATIENCE:?}"))?;
        times.push(late.ok_or("nobody listens for reminders any more")?);
    }
    Figures::of(times, start.elapsed())
}

/// Takes deliveries, and tells how late what is due was told.
async fn receive(stream: TcpStream, heard: UnboundedSender<Duration>) {
    let service = service_fn(async |request: Request<Incoming>| {
        let body =
            request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if let Some(late) = lateness(&body, Utc::now()) {
            // The other end is gone when enough was heard.
            let _ = heard.send(late);
        }
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// How long ago the todo was due, if that is what a delivery says.
fn lateness(body: &[u8], now: DateTime<Utc>) -> Option<Duration> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let due: DateTime<Utc> = event["data"]["due_at"].as_str()?.parse().ok()?;
    (event["type"] == "todo.due").then(|| (now - due).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_due_counts() {
        let now = Utc::now();
        let event = |kind: &str| {
            let due = now - TimeDelta::milliseconds(250);
            lateness(json!({ "type": kind, "data": { "due_at": due } }).to_string().as_bytes(), now)
        };
        assert_eq!(event("todo.due"), Some(Duration::from_millis(250)));
        assert_eq!(event("todo.created"), None);
        assert_eq!(lateness(b"?", now), None);
    }
}
