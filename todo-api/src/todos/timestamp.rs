//! Moments that both PostgreSQL and RFC 3339 can express.

use chassis::fields::{Field, text};
use chrono::{DateTime, Datelike, DurationRound, SecondsFormat, TimeDelta, Utc};
use serde::Serializer;
use serde_json::Value;

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

/// Writes a moment in one piece. By itself chrono hands it over digit by digit, each of which JSON looks at: an eighth of
/// what a list costs.
pub(super) fn write<S: Serializer>(moment: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[expect(clippy::ref_option, reason = "as serde hands it over")]
pub(super) fn write_optional<S: Serializer>(
    moment: &Option<DateTime<Utc>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => write(moment, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn moments_are_written_as_they_always_were(
            seconds in -62_135_596_800..253_402_300_800_i64,
            micros in 0..1_000_000_u32,
        ) {
            let moment = DateTime::from_timestamp(seconds, micros * 1000).unwrap();
            let written = write(&moment, serde_json::value::Serializer).unwrap();
            prop_assert_eq!(&written, &serde_json::to_value(moment).unwrap());
            prop_assert_eq!(Timestamp::parse(written).map(Timestamp::get), Ok(moment));
        }
    }

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
