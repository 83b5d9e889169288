//! Moments of the past as people write them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};

/// Reads an age such as `30d` or `12h`, a date or an RFC 3339 timestamp.
pub(crate) fn read(text: &str) -> Result<DateTime<Utc>, String> {
    before(text, Utc::now()).ok_or_else(|| {
        "expected an age such as 30d or 12h, a date such as 2030-01-31, or an RFC 3339 timestamp".into()
    })
}

fn before(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        // Not what could be read as something else.
        return (date.to_string() == text).then(|| date.and_time(NaiveTime::MIN).and_utc());
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number = number.parse().ok()?;
    // No `m`: who means months must not get minutes.
    let age = match unit {
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        "w" => TimeDelta::try_weeks(number),
        _ => None,
    }?;
    // What PostgreSQL can keep, too.
    now.checked_sub_signed(age).filter(|moment| moment.year() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_dates_and_timestamps_are_moments() {
        let now = DateTime::parse_from_rfc3339("2030-01-31T12:00:00Z").unwrap().to_utc();
        for (text, expected) in [
            ("30d", "2030-01-01T12:00:00Z"),
            ("12h", "2030-01-31T00:00:00Z"),
            ("1w", "2030-01-24T12:00:00Z"),
            ("0d", "2030-01-31T12:00:00Z"),
            ("2029-12-24", "2029-12-24T00:00:00Z"),
            ("2029-12-24T01:00:00+01:00", "2029-12-24T00:00:00Z"),
        ] {
            let expected = DateTime::parse_from_rfc3339(expected).unwrap();
            assert_eq!(before(text, now), Some(expected.to_utc()), "{text}");
        }
        for text in
            ["", "30", "d", "-1d", "+1d", "1.5d", "1 d", "1y", "3m", "2029-12-32", "2029-1-1", "yesterday"]
        {
            assert_eq!(before(text, now), None, "{text:?}");
        }
        for days in [1_000_000, i64::MAX] {
            assert_eq!(before(&format!("{days}d"), now), None);
        }
    }
}
