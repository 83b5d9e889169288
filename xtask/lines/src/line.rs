//! A line of a process, and the form in which it is kept: `TIME RELEASE PROCESS INSTANCE TEXT`.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// A line of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// When it was heard: RFC 3339, in UTC, with microseconds, so that texts sort as times do.
    pub time: &'a str,
    /// The release of the process.
    pub release: &'a str,
    /// The process, such as `web.1`.
    pub process: &'a str,
    /// Which of the processes of that name, one after the other: its process ID or its pod's name.
    pub instance: &'a str,
    /// The line itself, without its end.
    pub text: &'a str,
}

impl<'a> Line<'a> {
    /// Reads a kept line, without its end.
    pub fn parse(kept: &'a str) -> Option<Self> {
        let (time, rest) = kept.split_once(' ')?;
        let (release, rest) = rest.split_once(' ')?;
        let (process, rest) = rest.split_once(' ')?;
        let (instance, text) = rest.split_once(' ')?;
        Some(Self { time, release, process, instance, text })
    }

    /// Appends the line in the form in which it is kept.
    pub fn keep(&self, to: &mut String) {
        let Self { time, release, process, instance, text } = self;
        // What ends a line cannot be in one.
        let text = text.replace('\n', "\r");
        let _ = writeln!(to, "{time} {release} {process} {instance} {text}");
    }
}

/// A time in the form of [`Line::time`].
pub fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The time now.
pub fn now() -> String {
    time(Utc::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_as_it_is_whatever_is_in_it() {
        for text in ["", " ", "two  words ", "{\"a\": 1}", "tab\tand\u{1b}[31m", "ünï"] {
            let line = Line {
                time: "2011-04-06T20:32:17.000001Z",
                release: "2011-04-06-20:32:17",
                process: "web.1",
                instance: "4711",
                text,
            };
            let mut kept = String::new();
            line.keep(&mut kept);
            assert_eq!(Line::parse(kept.strip_suffix('\n').unwrap()), Some(line));
        }
    }

    #[test]
    fn what_is_no_kept_line_is_none() {
        for kept in ["", "2011-04-06T20:32:17.000001Z", "a b c d"] {
            assert_eq!(Line::parse(kept), None, "{kept}");
        }
    }

    #[test]
    fn times_sort_as_texts() {
        let at = |text: &str| time(text.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(at("2011-04-06T22:32:17+02:00"), "2011-04-06T20:32:17.000000Z");
        assert!(at("2011-04-06T20:32:17.9Z") < at("2011-04-06T20:32:17.95Z"));
    }
}
