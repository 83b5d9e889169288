//! Lines of many pods in order of time, while they come: each is held back for a moment, in which an earlier one may
//! come from elsewhere.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

/// How long a line is held back.
const MOMENT: Duration = Duration::from_millis(300);

/// Lines that are held back.
pub(super) struct Order<T> {
    held: BinaryHeap<Reverse<Held<T>>>,
    count: u64,
}

struct Held<T> {
    key: (DateTime<Utc>, u64),
    due: Instant,
    what: T,
}

impl<T> Order<T> {
    pub(super) fn new() -> Self {
        Self { held: BinaryHeap::new(), count: 0 }
    }

    /// Something of this time has come.
    pub(super) fn put(&mut self, time: DateTime<Utc>, what: T, now: Instant) {
        self.count += 1;
        // Lines of the same time stay in the order in which they came.
        self.held.push(Reverse(Held { key: (time, self.count), due: now + MOMENT, what }));
    }

    /// The earliest, if it was held back for long enough.
    pub(super) fn take(&mut self, now: Instant) -> Option<T> {
        self.held.peek().filter(|Reverse(first)| first.due <= now)?;
        self.held.pop().map(|Reverse(first)| first.what)
    }

    /// When the earliest will have been held back for long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(first)| first.due)
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Held<T> {}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_within_a_moment_is_brought_in_order_and_nothing_waits_longer() {
        let mut order = Order::new();
        let now = Instant::now();
        for (time, what) in [(2, "b"), (3, "c"), (1, "a"), (3, "d")] {
            order.put(DateTime::from_timestamp_nanos(time), what, now);
        }
        assert_eq!(order.take(now), None);
        assert_eq!(order.due(), Some(now + MOMENT));
        let taken: Vec<_> = std::iter::from_fn(|| order.take(now + MOMENT)).collect();
        assert_eq!(taken, ["a", "b", "c", "d"]);
        assert_eq!(order.due(), None);
    }
}
