//! The clock of release IDs.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// What tells the time, and lets it pass. A release's ID is taken from it.
pub trait Clock {
    /// What time it is.
    fn now(&self) -> DateTime<Utc>;

    /// Returns when this much time has passed.
    fn wait(&self, time: Duration);
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[expect(clippy::disallowed_methods, reason = "it is for those who await a time and nothing else")]
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
