//! Requests to a service: each connection one after the other, or so many a second whatever becomes of them.

use std::{cell::Cell, rc::Rc, time::Duration};

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep_until};

use crate::{
    How, Outcome,
    client::{Address, Client},
    figures::Figures,
};

/// Asks for as long as it is told to.
pub(crate) async fn run(address: Address, how: How, rate: Option<f64>) -> Outcome<Figures> {
    let mut clients = Vec::new();
    for _ in 0..how.connections {
        let mut client = Client::connect(address).await?;
        // Whatever the first request of a connection costs more.
        client.work(how.work).await?;
        clients.push(client);
    }
    let start = Instant::now();
    let turns = Rc::new(Turns { start, end: start + how.seconds, rate, next: Cell::new(0.0) });
    let times = try_join_all(clients.into_iter().map(|client| ask(client, how, turns.clone()))).await?;
    Figures::of(times.concat(), start.elapsed())
}

async fn ask(mut client: Client, how: How, turns: Rc<Turns>) -> Outcome<Vec<Duration>> {
    let mut times = Vec::new();
    while let Some(due) = turns.take().await {
        client.work(how.work).await?;
        times.push(due.elapsed());
    }
    Ok(times)
}

/// When the next request is to be sent, by whichever connection is free.
struct Turns {
    start: Instant,
    end: Instant,
    rate: Option<f64>,
    next: Cell<f64>,
}

impl Turns {
    /// Waits for the next turn, and says since when its answer is waited for. With a rate that is when it was due, also if
    /// no connection was free then: otherwise a slow service would be asked less often, and seem fast.
    async fn take(&self) -> Option<Instant> {
        let Some(rate) = self.rate else {
            return Some(Instant::now()).filter(|now| *now < self.end);
        };
        let due = self.start + Duration::from_secs_f64(self.next.get() / rate);
        if due >= self.end {
            return None;
        }
        self.next.set(self.next.get() + 1.0);
        if due <= Instant::now() {
            return Some(due);
        }
        sleep_until(due).await;
        // The clock that woke us has a resolution of a millisecond, which is nobody's delay.
        Some(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_late_is_late_since_the_turn_was_due() {
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        let turns = Turns { start, end, rate: Some(4.0), next: Cell::new(0.0) };
        assert_eq!(turns.take().await, Some(start));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(turns.take().await, Some(start + Duration::from_millis(250)));
        assert_eq!(turns.take().await, Some(start + Duration::from_millis(500)));
        turns.take().await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(750), "the last turn was waited for");
        assert_eq!(turns.take().await, None);
    }
}
