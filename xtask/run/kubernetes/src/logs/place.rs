//! How far a pod's log was read. A log is asked for from a second on, and comes again from there: what was read before
//! is known by its time, and by how many lines there were of that very time.

use chrono::{DateTime, Utc};

/// A place in a pod's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    last: Option<DateTime<Utc>>,
    /// How many lines of the last time were read.
    count: usize,
}

/// Leaves out, of a log that is read again, what was read before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Again {
    from: Place,
    skipped: usize,
}

impl Place {
    /// From when on the log is to be asked for.
    pub(super) fn since(self) -> Option<DateTime<Utc>> {
        self.last
    }

    /// A line of this time was read.
    pub(super) fn pass(&mut self, time: DateTime<Utc>) {
        if self.last == Some(time) {
            self.count += 1;
        } else {
            *self = Self { last: Some(time), count: 1 };
        }
    }

    /// The log is read again.
    pub(super) fn again(self) -> Again {
        Again { from: self, skipped: 0 }
    }
}

impl Again {
    /// Whether a line of this time was not read before.
    pub(super) fn is_new(&mut self, time: DateTime<Utc>) -> bool {
        let Some(last) = self.from.last else { return true };
        if time == last && self.skipped < self.from.count {
            self.skipped += 1;
            return false;
        }
        time >= last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &mut Place, log: &[i64]) -> Vec<i64> {
        let mut again = place.again();
        let mut new = Vec::new();
        for &nanos in log {
            let time = DateTime::from_timestamp_nanos(nanos);
            if again.is_new(time) {
                place.pass(time);
                new.push(nanos);
            }
        }
        new
    }

    #[test]
    fn no_line_is_read_twice_and_none_is_left_out_wherever_it_was_cut() {
        let log = [1, 2, 2, 2, 3, 5, 5, 8];
        for first in 0..=log.len() {
            for second in first..=log.len() {
                let mut place = Place::default();
                let parts = [&log[..first], &log[..second], &log[..]];
                let all: Vec<i64> = parts.iter().flat_map(|part| read(&mut place, part)).collect();
                assert_eq!(all, log, "cut at {first} and {second}");
            }
        }
    }
}
