//! Whether the clocks of this machine and of the database agree: both decide what is due, and what is overdue.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    check::Trouble,
    database::{Connection, StatementError},
};

/// The most by which they may differ: reminders are to come within a second.
const MOST: TimeDelta = TimeDelta::seconds(1);

/// How often to ask. The fastest answer says most.
const TIMES: usize = 3;

/// The database's moment among ours.
struct Reading {
    /// How far the database is ahead.
    ahead: TimeDelta,
    /// By how much that may be wrong: half of what the answer took.
    doubt: TimeDelta,
}

pub(super) async fn look(connection: &Connection) -> Result<String, Trouble> {
    let mut best = read(connection).await?;
    for _ in 1..TIMES {
        let reading = read(connection).await?;
        if reading.doubt < best.doubt {
            best = reading;
        }
    }
    evaluate(&best)
}

async fn read(connection: &Connection) -> Result<Reading, StatementError> {
    let (asked, started) = (Utc::now(), Instant::now());
    let row = connection.query_one("SELECT clock_timestamp()", &[]).await?;
    let doubt = TimeDelta::from_std(started.elapsed() / 2).unwrap_or(TimeDelta::MAX);
    Ok(Reading { ahead: row.try_get::<_, DateTime<Utc>>(0)? - (asked + doubt), doubt })
}

fn evaluate(reading: &Reading) -> Result<String, Trouble> {
    let Reading { ahead, doubt } = reading;
    let side = if *ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
    let how = format!(
        "the database's clock is {} ms {side} this machine's, give or take {} ms",
        ahead.abs().num_milliseconds(),
        doubt.num_milliseconds() + 1
    );
    // Only what is certain is held against them.
    if ahead.abs() - *doubt <= MOST {
        return Ok(how);
    }
    Err(Trouble::new(
        format!("{how}: more than {} ms", MOST.num_milliseconds()),
        "let both machines' clocks be kept by NTP (`timedatectl` says whether one is)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_that_is_certain_is_wrong() {
        let wrong = |ahead, doubt| {
            evaluate(&Reading {
                ahead: TimeDelta::milliseconds(ahead),
                doubt: TimeDelta::milliseconds(doubt),
            })
            .is_err()
        };
        assert!(!wrong(0, 0) && !wrong(1000, 0) && !wrong(-1000, 0) && !wrong(1400, 500));
        assert!(wrong(1001, 0) && wrong(-1001, 0) && wrong(1400, 300) && wrong(-100_000, 500));
    }
}
