//! The grammar of `logs`.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use regex::Regex;
use xtask_contract::{EnvName, ReleaseId};
use xtask_run::logs::Query;

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The deploy
    #[arg(long, default_value = "local")]
    pub(crate) env: EnvName,

    /// Show what comes, too, until Ctrl-C
    #[arg(short, long)]
    follow: bool,

    /// Only lines since then: an age such as 90s, 10m, 2h or 7d, or a time such as 2011-04-06T20:32:17Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<DateTime<Utc>>,

    /// Only lines of this process type, such as `web`, or of this process, such as `web.1`
    #[arg(long, value_name = "NAME")]
    process: Option<String>,

    /// Only lines of this release
    #[arg(long, value_name = "ID")]
    release: Option<ReleaseId>,

    /// Only lines that this regular expression matches; `(?i)` in front of it ignores case
    #[arg(long, value_name = "PATTERN", value_parser = Regex::new)]
    grep: Option<Regex>,

    /// Instead of the processes, those that were there before the last restart of each
    #[arg(long, conflicts_with = "follow")]
    previous: bool,

    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "COUNT")]
    lines: Option<usize>,

    /// The lines as the processes wrote them, and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
}

impl Logs {
    pub(crate) fn query(&self) -> Query {
        Query {
            since: self.since,
            process: self.process.clone(),
            release: self.release.map(|release| release.to_string()),
            grep: self.grep.clone(),
            previous: self.previous,
            last: self.lines,
            follow: self.follow,
        }
    }
}

fn since(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    age(text).and_then(|age| Utc::now().checked_sub_signed(age)).ok_or_else(|| {
        "it is an age such as 90s, 10m, 2h or 7d, or a time such as 2011-04-06T20:32:17Z".into()
    })
}

fn age(text: &str) -> Option<TimeDelta> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..unit].parse().ok()?;
    match &text[unit..] {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_age_or_a_time() {
        for (text, minutes) in [("60s", 1), ("10m", 10), ("2h", 120), ("7d", 7 * 24 * 60)] {
            assert_eq!(age(text), Some(TimeDelta::minutes(minutes)), "{text}");
        }
        let time = since("2011-04-06T22:32:17+02:00").unwrap();
        assert_eq!(time.to_rfc3339(), "2011-04-06T20:32:17+00:00");
        for wrong in ["", "10", "m", "-1s", "5 m", "2011-04-06", "9223372036854775807d", "1000000000d"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
