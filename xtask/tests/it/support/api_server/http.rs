//! HTTP/1.1 as far as a client of the API needs it: one request after the other on a connection, answers of a known
//! length, and watches in chunks.

use std::{
    fmt::Write as _,
    io::{self, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;

use super::{
    Answer, Fate, Shared,
    answer::seen,
    controllers::keep_pods,
    kinds::{Kind, Route},
    requests,
    selector::Selector,
    store::Event,
};
use crate::support::call::Call;

/// Answers the calls of one connection.
pub(super) fn serve(mut client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut requests = BufReader::new(client.try_clone()?);
    while let Some(call) = Call::read(&mut requests)? {
        if call.path.starts_with("/v2/") {
            send(&mut client, &call, &registry(&call))?;
            continue;
        }
        shared.calls.lock().unwrap().push(call.clone());
        let fate = (shared.decide.lock().unwrap())(&call);
        match fate {
            Fate::Answered(answer) => send(&mut client, &call, &answer)?,
            // Until the client gives up.
            Fate::Hangs => return client.read(&mut [0]).map(drop),
            Fate::Lost(then) => {
                shared.carry_out(&call);
                then();
                return client.shutdown(Shutdown::Both);
            }
            Fate::Passes | Fate::Ends if call.watches() => {
                return watch(client, shared, &call, matches!(fate, Fate::Ends));
            }
            Fate::Passes | Fate::Ends => {
                let answer = shared.carry_out(&call);
                send(&mut client, &call, &answer)?;
            }
        }
        if call.is_last {
            break;
        }
    }
    Ok(())
}

impl Shared {
    fn change(&self) -> Change<'_> {
        if self.changing.fetch_add(1, Ordering::Relaxed) > 0 {
            self.two_at_once.store(true, Ordering::Relaxed);
        }
        Change(self)
    }

    /// Does what a call asks for, and what the cluster then does at once.
    fn carry_out(&self, call: &Call) -> Answer {
        let _change = call.is_a_step().then(|| self.change());
        let mut state = self.state.lock().unwrap();
        let answer = requests::answer(&mut state.store, call);
        if call.changes() {
            keep_pods(&mut state.store);
            self.changed.notify_all();
        }
        answer
    }
}

/// A change that is being made.
struct Change<'a>(&'a Shared);

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.changing.fetch_sub(1, Ordering::Relaxed);
    }
}

fn send(client: &mut TcpStream, call: &Call, answer: &Answer) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} \r\ncontent-length: {}\r\n", answer.code, answer.body.len());
    let kind = if answer.body.starts_with('{') { "application/json" } else { "text/plain" };
    let _ = write!(head, "content-type: {kind}\r\n");
    for (name, value) in &answer.head {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let body = if call.method == "HEAD" { "" } else { &answer.body };
    client.write_all(format!("{head}\r\n{body}").as_bytes())
}

/// A registry that has every image.
fn registry(call: &Call) -> Answer {
    let name = call.path.rsplit('/').next().unwrap_or_default();
    if call.method == "PUT" {
        return Answer::text(201, "").with("location", &call.path);
    }
    if call.path.contains("/referrers/") || !call.path.contains("/manifests/") {
        return Answer::document(
            200,
            &json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
            }),
        );
    }
    Answer::text(200, "").with("docker-content-digest", name)
}

/// Tells what happens to the objects that a call asks for, from a version on, until the client has heard enough.
fn watch(mut client: TcpStream, shared: &Arc<Shared>, call: &Call, ends: bool) -> io::Result<()> {
    let from: u64 = call.query("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    let Route::Objects { kind, namespace, .. } =
        Route::of(&call.path, &shared.state.lock().unwrap().store.kinds)
    else {
        return send(&mut client, call, &Answer::unknown_path());
    };
    client.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    let closed = closed(&client, shared)?;
    let asked = Asked {
        kind,
        namespace,
        selector: Selector::of(call),
        metadata_only: call.accept.contains("as=Partial"),
    };
    let mut told = from;
    while let Some((lines, version)) = next(shared, &asked, told, ends, &closed) {
        told = version;
        write!(client, "{:x}\r\n{lines}\r\n", lines.len())?;
    }
    client.write_all(b"0\r\n\r\n")?;
    client.shutdown(Shutdown::Both)
}

/// What a watch is about.
struct Asked {
    kind: Kind,
    namespace: String,
    selector: Selector,
    metadata_only: bool,
}

impl Asked {
    fn line(&self, event: &Event) -> Option<String> {
        let metadata = &event.object["metadata"];
        let is_it = event.kind == self.kind
            && (self.namespace.is_empty() || metadata["namespace"] == self.namespace.as_str())
            && self.selector.takes(&event.object);
        let told = || json!({ "type": event.what, "object": seen(&event.object, self.metadata_only) });
        is_it.then(|| format!("{}\n", told()))
    }
}

/// What a watch has to tell next, and up to which version that is all; nothing, if it has come to its end. As long as
/// there is nothing to be told, the cluster goes on.
fn next(shared: &Shared, asked: &Asked, told: u64, ends: bool, closed: &AtomicBool) -> Option<(String, u64)> {
    let mut state = shared.state.lock().unwrap();
    loop {
        let super::State { store, controllers } = &mut *state;
        let news = store.history.iter().filter(|event| event.version > told);
        let lines: String = news.filter_map(|event| asked.line(event)).collect();
        if !lines.is_empty() {
            return Some((lines, store.version));
        }
        if ends || closed.load(Ordering::Relaxed) {
            return None;
        }
        if controllers.go_on(store) {
            shared.changed.notify_all();
        } else {
            state = shared.changed.wait(state).unwrap();
        }
    }
}

/// Becomes true when the client has closed its connection.
fn closed(client: &TcpStream, shared: &Arc<Shared>) -> io::Result<Arc<AtomicBool>> {
    let closed = Arc::new(AtomicBool::new(false));
    let (tells, mut client, shared) = (Arc::clone(&closed), client.try_clone()?, Arc::clone(shared));
    thread::spawn(move || {
        let _ = client.read(&mut [0]);
        tells.store(true, Ordering::Relaxed);
        // A watch that waits either has seen it, or waits by the time that this lock is free.
        drop(shared.state.lock());
        shared.changed.notify_all();
    });
    Ok(closed)
}
