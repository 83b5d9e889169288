//! Clients that use the service all the time, and remember what they were told.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use xtask_contract::example::Example;

use crate::http::{Answer, Connection};

/// One request, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it was sent, in seconds from the start.
    pub(crate) at: f64,
    /// How long it took, in seconds.
    pub(crate) took: f64,
    /// The answer's status; none, if there was no answer.
    pub(crate) status: Option<u16>,
    /// Why there was none.
    pub(crate) lost: Option<String>,
    /// The release that answered.
    pub(crate) release: Option<String>,
}

/// Something that the service said it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// Where it is read.
    pub(crate) path: String,
}

/// What all clients have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) samples: Vec<Sample>,
    pub(crate) written: Vec<Written>,
}

/// What each request is.
#[derive(Debug, Clone)]
pub(crate) enum Use {
    /// Something is written.
    Write(Example),
    /// This path is read.
    Read(String),
}

/// Clients at work.
pub(crate) struct Traffic {
    from: Instant,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Seen>>,
}

impl Traffic {
    /// Sets as many clients to work, each with a pause between its requests: every other one uses a connection as long as it
    /// lasts.
    pub(crate) fn start(address: SocketAddr, what: &Use, clients: usize, pause: Duration) -> Self {
        let (from, stop, answered) = (Instant::now(), Arc::new(AtomicBool::new(false)), Arc::default());
        let client = |number: usize| {
            let mut client = Client {
                address,
                what: what.clone(),
                number,
                from,
                stop: stop.clone(),
                answered: Arc::clone(&answered),
                pause,
                seen: Seen::default(),
            };
            thread::spawn(move || {
                client.work();
                client.seen
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { from, stop, answered, clients }
    }

    /// Seconds from its start.
    pub(crate) fn now(&self) -> f64 {
        self.from.elapsed().as_secs_f64()
    }

    /// How many requests were answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Has all clients stop, and tells what they have seen.
    pub(crate) fn stop(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for client in self.clients.drain(..) {
            let Seen { samples, written } = client.join().unwrap_or_default();
            all.samples.extend(samples);
            all.written.extend(written);
        }
        all.samples.sort_by(|one, other| one.at.total_cmp(&other.at));
        all
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    /// The requests that were not answered as they were to be, a line for each kind.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures_but(|_| false)
    }

    /// The same, but for these.
    pub(crate) fn failures_but(&self, is_none: impl Fn(&Sample) -> bool) -> Vec<String> {
        let mut kinds = std::collections::BTreeMap::<String, usize>::new();
        for sample in self.samples.iter().filter(|sample| !is_none(sample)) {
            match (&sample.lost, sample.status) {
                (Some(why), _) => *kinds.entry(why.clone()).or_default() += 1,
                (None, Some(status)) if !(200..300).contains(&status) => {
                    *kinds.entry(format!("status {status}")).or_default() += 1;
                }
                _ => {}
            }
        }
        kinds.into_iter().map(|(why, times)| format!("{times} requests: {why}")).collect()
    }

    /// What was written and is not to be read any more, a line each.
    pub(crate) fn missing(&self, address: SocketAddr) -> Vec<String> {
        /// How long all of it may take that cannot be told at once.
        const PATIENCE: Duration = Duration::from_secs(10);
        let until = Instant::now() + PATIENCE;
        self.written.iter().filter(|one| !one.is_there(address, until)).map(|one| one.path.clone()).collect()
    }
}

impl Written {
    /// Whether it is read. What cannot be told at present is asked again until then: it is not gone for that.
    fn is_there(&self, address: SocketAddr, until: Instant) -> bool {
        const AGAIN: Duration = Duration::from_millis(200);
        loop {
            match crate::http::get(address, &self.path) {
                Ok(answer) if answer.status == 200 => return answer.body.contains(&self.text),
                Ok(answer) if answer.status < 500 => return false,
                _ if Instant::now() > until => return false,
                _ => {}
            }
            #[expect(clippy::disallowed_methods, reason = "processes need a moment to be there again")]
            thread::sleep(AGAIN);
        }
    }
}

struct Client {
    address: SocketAddr,
    what: Use,
    number: usize,
    from: Instant,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    pause: Duration,
    seen: Seen,
}

impl Client {
    fn work(&mut self) {
        let mut kept: Option<Connection> = None;
        let keeps = self.number.is_multiple_of(2);
        let mut count = 0;
        while !self.stop.load(Ordering::Relaxed) {
            count += 1;
            let text = format!("proof of {}.{}.{count}", std::process::id(), self.number);
            let (at, begun) = (self.from.elapsed().as_secs_f64(), Instant::now());
            let asked = self.ask(&mut kept, keeps, &text);
            let took = begun.elapsed().as_secs_f64();
            let sample = match asked {
                Ok(answer) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    self.remember(&answer, text);
                    Sample { at, took, status: Some(answer.status), lost: None, release: answer.release }
                }
                Err(error) => {
                    kept = None;
                    Sample { at, took, status: None, lost: Some(error.to_string()), release: None }
                }
            };
            self.seen.samples.push(sample);
            #[expect(clippy::disallowed_methods, reason = "clients are not in a hurry")]
            thread::sleep(self.pause);
        }
    }

    fn ask(&self, kept: &mut Option<Connection>, keeps: bool, text: &str) -> io::Result<Answer> {
        let mut connection = kept.take().map_or_else(|| Connection::open(self.address), Ok)?;
        let fields: &[(&str, &str)] = if keeps { &[] } else { &[("connection", "close")] };
        let answer = match &self.what {
            Use::Write(example) => {
                let line = format!("POST {}", example.write.path);
                connection.request(&line, fields, Some(&example.body(text)))?
            }
            Use::Read(path) => connection.request(&format!("GET {path}"), fields, None)?,
        };
        *kept = (keeps && !answer.closes).then_some(connection);
        Ok(answer)
    }

    fn remember(&mut self, answer: &Answer, text: String) {
        let Use::Write(example) = &self.what else { return };
        let document = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
        if (200..300).contains(&answer.status)
            && let Some(path) = example.path(&document)
        {
            self.seen.written.push(Written { text, path });
        }
    }
}

/// Writes this text once, and tells where it is read.
pub(crate) fn write(
    address: SocketAddr,
    example: &Example,
    text: &str,
    fields: &[(&str, &str)],
) -> io::Result<(Answer, Option<Written>)> {
    let fields = [fields, &[("connection", "close")]].concat();
    let line = format!("POST {}", example.write.path);
    let answer = Connection::open(address)?.request(&line, &fields, Some(&example.body(text)))?;
    let document = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let path = example.path(&document).filter(|_| (200..300).contains(&answer.status));
    Ok((answer, path.map(|path| Written { text: text.to_owned(), path })))
}
