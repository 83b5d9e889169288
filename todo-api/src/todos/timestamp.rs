//! Moments that both PostgreSQL and RFC 3339 can express.

use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Utc};
use serde_json::Value;

use crate::fields::{Field, text};

/// A moment in the years 1 to 9999, in whole microseconds as PostgreSQL keeps them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timestamp(DateTime<Utc>);

impl Timestamp {
    pub(crate) fn new(moment: DateTime<Utc>) -> Option<Self> {
        let moment = moment.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(moment);
        (1..=9999).contains(&moment.year()).then_some(Self(moment))
    }

    pub(crate) fn get(self) -> DateTime<Utc> {
        self.0
    }
}

impl Field for Timestamp {
    fn parse(value: Value) -> Result<Self, String> {
        DateTime::parse_from_rfc3339(&text(value)?)
            .ok()
            .and_then(|moment| Self::new(moment.to_utc()))
            .ok_or_else(|| "must be an RFC 3339 timestamp such as 2030-01-31T12:00:00Z".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moments_that_can_be_stored_and_shown_are_taken() {
        for text in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2030-01-31T12:00:00.5+02:00"] {
            assert!(Timestamp::parse(text.into()).is_ok(), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2030-01-31",
            "2030-02-30T00:00:00Z",
            "0000-12-31T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "+12345-01-01T00:00:00Z",
            "294277-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_postgresql_cannot_keep_is_cut_off() {
        let moment = Timestamp::parse("2030-01-31T12:00:00.123456789Z".into()).unwrap().get();
        assert_eq!(moment.timestamp_subsec_nanos(), 123_456_000);
        let leap = Timestamp::parse("2016-12-31T23:59:60.5Z".into()).unwrap().get();
        assert!(leap.timestamp_subsec_nanos() < 2_000_000_000);
    }
}
