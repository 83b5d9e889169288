//! The stream of changes, read as a browser would.

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::process::{PATIENCE, Service};

/// A stream of events.
pub(crate) struct Stream {
    response: Response,
    text: String,
}

/// One of its events.
#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Stream {
    pub(crate) async fn open(service: &Service, last: Option<&str>) -> Self {
        let mut request = Client::new().get(service.url("/api/events"));
        if let Some(id) = last {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new() }
    }

    /// The next event; nothing if the stream ends as it should.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        // In all: that the stream lives is no event.
        timeout(PATIENCE, self.read()).await.expect("no event in time")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                self.text = rest.into();
                if let Some(event) = event {
                    return Some(event);
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(str::from_utf8(&chunk).unwrap());
        }
    }

    pub(crate) async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await.expect("the stream should not end");
        assert_eq!(event.name, name, "{event:?}");
        event
    }
}

/// An event; what has none, or only says that the stream lives, is nothing.
fn parse(block: &str) -> Option<Event> {
    let field = |name| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).unwrap();
    let name = field("event")?;
    (name != "ping").then(|| Event { name: name.into(), id: field("id").unwrap().into(), data })
}

/// Until the service hears the database.
pub(crate) async fn hearing(service: &Service) {
    service.logged(|line| line["message"] == "the database's announcements are heard").await;
}
