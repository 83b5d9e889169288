//! A bounded load on the service of this machine: clients that each add one todo after the other.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{PATIENCE, http::Connection};

/// No client sends more requests than this.
const MOST: u32 = 20_000;

/// How each client goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habit {
    /// Whether it uses one connection as long as it lasts.
    pub(crate) keep_alive: bool,
    /// How long it waits between two requests.
    pub(crate) pause: Duration,
    /// Whether a refused connection is the end of its work, rather than a failure.
    pub(crate) ends_when_refused: bool,
}

/// Clients at work.
pub(crate) struct Load {
    clients: Vec<JoinHandle<io::Result<u32>>>,
    /// Hears of every todo that was acknowledged.
    acknowledged: Receiver<()>,
    stops: Vec<Sender<()>>,
}

impl Load {
    /// Sets this many clients to work.
    pub(crate) fn start(port: u16, clients: usize, habit: Habit) -> Self {
        Self::telling(port, clients, habit, String::new)
    }

    /// The same; of a request that is lost it is told what the service said just then.
    pub(crate) fn telling(port: u16, clients: usize, habit: Habit, said: fn() -> String) -> Self {
        let (tell, acknowledged) = channel();
        let (stops, clients) = (0..clients)
            .map(|_| {
                let (stop, stopped) = channel();
                let tell = tell.clone();
                (stop, thread::spawn(move || work(port, habit, said, &tell, &stopped)))
            })
            .unzip();
        Self { clients, acknowledged, stops }
    }

    /// Waits until this many more todos were acknowledged.
    #[track_caller]
    pub(crate) fn makes(&self, count: usize) {
        for made in 0..count {
            let told = self.acknowledged.recv_timeout(PATIENCE);
            assert!(told.is_ok(), "only {made} of {count} requests were answered");
        }
    }

    /// Tells the clients to stop, waits for them, and counts the acknowledged todos. No request may have been
    /// lost.
    #[track_caller]
    pub(crate) fn stops(mut self) -> u32 {
        self.stops.clear();
        self.ends()
    }

    /// Waits for the clients, who end when they are refused, and counts the acknowledged todos. No request may
    /// have been lost.
    #[track_caller]
    pub(crate) fn ends(self) -> u32 {
        let ends = self.clients.into_iter().map(|client| client.join().unwrap());
        let counts: io::Result<Vec<u32>> = ends.collect();
        counts.unwrap_or_else(|error| panic!("a request was lost: {error}")).iter().sum()
    }
}

fn work(
    port: u16,
    habit: Habit,
    said: fn() -> String,
    tell: &Sender<()>,
    stopped: &Receiver<()>,
) -> io::Result<u32> {
    let mut kept = None;
    for count in 0..MOST {
        // The caller drops the other end to say stop.
        if stopped.recv_timeout(habit.pause) == Err(RecvTimeoutError::Disconnected) {
            return Ok(count);
        }
        let mut connection = match kept.take().map_or_else(|| Connection::open(port), Ok) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && habit.ends_when_refused => {
                return Ok(count);
            }
            other => other?,
        };
        let answer = connection.add("under load", habit.keep_alive)?;
        if answer.status != 201 {
            return Err(io::Error::other(format!("{answer:?}\n{}", said())));
        }
        let _ = tell.send(());
        kept = (habit.keep_alive && !answer.closes).then_some(connection);
    }
    Ok(MOST)
}
