//! The kinds of values that the variables have. What each describes, a process takes, and the other way round.

use std::{net::IpAddr, str::FromStr, time::Duration};

use axum::http::HeaderValue;
use tracing::Level;

use super::{
    duration,
    variable::{Kind, Shape},
};

/// A whole number between two bounds.
pub struct Integer<T> {
    min: T,
    max: T,
}

impl<T> Integer<T> {
    /// Both bounds are within.
    pub const fn new(min: T, max: T) -> Self {
        Self { min, max }
    }
}

impl<T: Copy + FromStr + Into<u32> + PartialOrd> Kind for Integer<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        // `parse` alone would take "+1".
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??;
        (self.min..=self.max).contains(&number).then_some(number)
    }

    fn shape(&self) -> Shape {
        Shape::Integer { min: self.min.into(), max: self.max.into() }
    }
}

/// An IP address, of either version.
pub struct Address;

impl Kind for Address {
    type Value = IpAddr;

    fn parse(&self, text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    fn shape(&self) -> Shape {
        Shape::Address
    }
}

/// One of a few words, each of which stands for a value.
pub struct Choice<T: 'static>(&'static [(&'static str, T)]);

impl<T> Choice<T> {
    /// The words and what they stand for.
    pub const fn new(choices: &'static [(&'static str, T)]) -> Self {
        Self(choices)
    }
}

impl<T: Copy> Kind for Choice<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        self.0.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn shape(&self) -> Shape {
        Shape::Choice { choices: self.0.iter().map(|(word, _)| *word).collect() }
    }
}

/// How severe an event must be to be logged.
pub struct LogLevel;

const LEVELS: Choice<Level> = Choice(&[
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
]);

impl Kind for LogLevel {
    type Value = Level;

    fn parse(&self, text: &str) -> Option<Level> {
        LEVELS.parse(text)
    }

    fn shape(&self) -> Shape {
        LEVELS.shape()
    }
}

/// A span of time.
pub struct Span;

impl Kind for Span {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        duration::parse(text)
    }

    fn shape(&self) -> Shape {
        Shape::Duration { max: duration::LONGEST_WORD }
    }
}

/// A word that can stand in a header.
pub struct Word;

impl Kind for Word {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        let fits = text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| text.to_owned())
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: "[!-~]{1,128}",
            expected: "a word of at most 128 printable ASCII characters",
        }
    }
}

/// A line of text.
pub struct Text;

impl Kind for Text {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        let fits = (1..=1000).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: r"[^\x00-\x1f\x7f-\x9f]{1,1000}",
            expected: "a line of text of at most 1000 characters",
        }
    }
}

/// Web origins, with commas between them.
pub struct Origins;

impl Kind for Origins {
    type Value = Vec<HeaderValue>;

    fn parse(&self, text: &str) -> Option<Vec<HeaderValue>> {
        text.split(',').map(|origin| origin_of(origin.trim())).collect()
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: r"\s*https?://[a-z0-9.:\[\]-]+\s*(,\s*https?://[a-z0-9.:\[\]-]+\s*)*",
            expected: "origins such as https://example.org, with commas between them",
        }
    }
}

/// An origin as browsers write it: no path, not even `/`.
fn origin_of(text: &str) -> Option<HeaderValue> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    (!rest.is_empty() && rest.bytes().all(fits)).then(|| HeaderValue::from_str(text).ok())?
}

/// Names of hosts, with commas between them, as they are compared: in lower case and without ports.
pub struct HostNames;

impl Kind for HostNames {
    type Value = Vec<String>;

    fn parse(&self, text: &str) -> Option<Vec<String>> {
        text.split(',').map(|name| host_name(name.trim())).collect()
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: r"\s*(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]*[0-9A-Za-z_-])\s*(,\s*(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]*[0-9A-Za-z_-])\s*)*",
            expected: "host names such as www.example.org, without ports and with commas between them",
        }
    }
}

fn host_name(text: &str) -> Option<String> {
    let consists_of = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
    let is_fit = match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => consists_of(address, |byte| byte.is_ascii_hexdigit() || b":.".contains(&byte)),
        None => consists_of(text, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
    };
    (is_fit && !text.ends_with('.')).then(|| text.to_ascii_lowercase())
}

/// Holds a kind's description against what it takes.
#[cfg(test)]
pub(crate) mod testing {
    use proptest::{string::string_regex, test_runner::TestRunner};
    use regex::Regex;

    use super::{Kind, Shape};

    /// What the description promises, the process takes.
    pub(crate) fn takes_what_it_describes<K: Kind>(kind: &K) {
        let (Shape::String { pattern, .. } | Shape::Url { pattern, .. }) = kind.shape() else { panic!() };
        let texts = string_regex(pattern).unwrap();
        let takes = |text: String| {
            assert!(kind.parse(&text).is_some(), "{text:?} fits {pattern}");
            Ok(())
        };
        TestRunner::default().run(&texts, takes).unwrap();
    }

    /// What the process takes, the description promises.
    pub(crate) fn describes_what_it_takes<K: Kind>(kind: &K, texts: &str) {
        let (Shape::String { pattern, .. } | Shape::Url { pattern, .. }) = kind.shape() else { panic!() };
        let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap();
        let fits = |text: String| {
            assert!(kind.parse(&text).is_none() || whole.is_match(&text), "{text:?} is taken");
            Ok(())
        };
        TestRunner::default().run(&string_regex(texts).unwrap(), fits).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::{
        testing::{describes_what_it_takes, takes_what_it_describes},
        *,
    };

    #[test]
    fn whatever_is_taken_fits_the_described_form() {
        describes_what_it_takes(&Word, "[ -\u{7f}é]{1,130}");
        describes_what_it_takes(&Text, "[\u{0}-\u{a0}é]{0,30}");
        describes_what_it_takes(&Origins, r"https?://[a-cA:.\[\]/ @-]{1,6}(,[ ]?(https?://)?[a-c.]{0,3})?");
        describes_what_it_takes(&HostNames, r"[0-9A-Za-c._:\[\]@/-]{1,6}(,[ a-c.:]{0,3})?");
    }

    #[test]
    fn whatever_fits_the_described_form_is_taken() {
        takes_what_it_describes(&Word);
        takes_what_it_describes(&Text);
        takes_what_it_describes(&Origins);
        takes_what_it_describes(&HostNames);
    }
}
