//! A clock that nobody has to wait for.

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, Utc};
use xtask_release::Clock;

/// A clock that stands still, but for those who wait: they find that the time has passed.
pub(crate) struct FakeClock(Mutex<DateTime<Utc>>);

impl FakeClock {
    /// It is this time.
    pub(crate) fn at(time: DateTime<Utc>) -> Self {
        Self(Mutex::new(time))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn wait(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}
