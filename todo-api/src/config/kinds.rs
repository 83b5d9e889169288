//! The kinds of values that the variables have. What each describes, a process takes, and the other way round.

use std::{net::IpAddr, str::FromStr, time::Duration};

use axum::http::{HeaderValue, Uri, uri::Authority};
use sqlx::postgres::PgConnectOptions;

use super::{
    duration,
    variable::{Kind, Shape},
};
use crate::worker::Signer;

/// What stands for itself in a URL must be escaped in the user's name and password: `#` and `/` above all.
const POSTGRES_URL: &str = concat!(
    "postgres(ql)?://",
    "([^/?#@:\\s]*(:[^/?#@\\s]*)?@)?",
    r"([0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])",
    "(:0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    "(/[^?#\\s]*)?",
    "(\\?[^#\\s]*)?",
);

/// The URL of a PostgreSQL database.
pub(crate) struct PostgresUrl;

impl Kind for PostgresUrl {
    type Value = PgConnectOptions;

    fn parse(&self, text: &str) -> Option<PgConnectOptions> {
        let (scheme, _) = text.split_once("://")?;
        if matches!(scheme, "postgres" | "postgresql") { PgConnectOptions::from_str(text).ok() } else { None }
    }

    fn shape(&self) -> Shape {
        Shape::Url {
            pattern: POSTGRES_URL,
            expected: "a URL such as postgres://user:password@host:5432/database",
        }
    }
}

/// A whole number between two bounds.
pub(crate) struct Integer<T> {
    min: T,
    max: T,
}

impl<T> Integer<T> {
    pub(crate) const fn new(min: T, max: T) -> Self {
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
pub(crate) struct Address;

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
pub(crate) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy> Kind for Choice<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        self.0.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn shape(&self) -> Shape {
        Shape::Choice { choices: self.0.iter().map(|(word, _)| *word).collect() }
    }
}

/// A span of time.
pub(crate) struct Span;

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
pub(crate) struct Word;

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

/// Web origins, with commas between them.
pub(crate) struct Origins;

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
pub(crate) struct HostNames;

impl Kind for HostNames {
    type Value = Vec<String>;

    fn parse(&self, text: &str) -> Option<Vec<String>> {
        text.split(',').map(|name| host_name(name.trim())).collect()
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: r"\s*(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]*[0-9A-Za-z_-])\s*(,\s*(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]*[0-9A-Za-z_-])\s*)*",
            expected: "host names such as todo.example.org, without ports and with commas between them",
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

/// What `http::Uri` takes.
const WEBHOOK_URL: &str = concat!(
    "[Hh][Tt][Tt][Pp][Ss]?://",
    r"([!$-.0-;=A-Z_a-z~]+@)?",
    r"([!$&-.0-9;=A-Z_a-z~]+|\[[0-9A-Fa-f:.]+\])",
    "(:0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    r#"(/[!"$-;=@-_a-~]*)?"#,
    r"(\?[!$-;=?-~]*)?(#.*)?",
);

/// Where events are sent.
pub(crate) struct WebhookUrl;

impl Kind for WebhookUrl {
    type Value = Uri;

    fn needs(&self) -> &'static [&'static str] {
        &["WEBHOOK_SECRET"]
    }

    fn parse(&self, text: &str) -> Option<Uri> {
        let url: Uri = text.parse().ok()?;
        // A port that is none is no error to the parser, and would be left out.
        let has_port = |authority: &Authority| {
            let after_user = authority.as_str().rsplit('@').next();
            after_user == Some(authority.host()) || authority.port().is_some()
        };
        let is_whole = url.authority().is_some_and(has_port);
        (matches!(url.scheme_str(), Some("http" | "https")) && is_whole).then_some(url)
    }

    fn shape(&self) -> Shape {
        Shape::Url { pattern: WEBHOOK_URL, expected: "a URL such as https://example.org/webhook" }
    }
}

/// The secret that events are signed with.
pub(crate) struct WebhookSecret;

impl Kind for WebhookSecret {
    type Value = Signer;

    fn parse(&self, text: &str) -> Option<Signer> {
        Signer::parse(text)
    }

    fn shape(&self) -> Shape {
        Shape::String {
            pattern: "whsec_(?:(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?|(?:[A-Za-z0-9+/]{4}){21}(?:[A-Za-z0-9+/][AQgw]==)?)",
            expected: "whsec_ and 24 to 64 bytes in base64",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{string::string_regex, test_runner::TestRunner};
    use regex::Regex;

    use super::*;

    /// What the description promises, the process takes.
    fn takes_what_it_describes<K: Kind>(kind: &K) {
        let (Shape::String { pattern, .. } | Shape::Url { pattern, .. }) = kind.shape() else { panic!() };
        let texts = string_regex(pattern).unwrap();
        let takes = |text: String| {
            assert!(kind.parse(&text).is_some(), "{text:?} fits {pattern}");
            Ok(())
        };
        TestRunner::default().run(&texts, takes).unwrap();
    }

    /// What the process takes, the description promises.
    fn describes_what_it_takes<K: Kind>(kind: &K, texts: &str) {
        let (Shape::String { pattern, .. } | Shape::Url { pattern, .. }) = kind.shape() else { panic!() };
        let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap();
        let fits = |text: String| {
            assert!(kind.parse(&text).is_none() || whole.is_match(&text), "{text:?} is taken");
            Ok(())
        };
        TestRunner::default().run(&string_regex(texts).unwrap(), fits).unwrap();
    }

    #[test]
    fn whatever_is_taken_fits_the_described_form() {
        describes_what_it_takes(&Word, "[ -\u{7f}é]{1,130}");
        describes_what_it_takes(&Origins, r"https?://[a-cA:.\[\]/ @-]{1,6}(,[ ]?(https?://)?[a-c.]{0,3})?");
        describes_what_it_takes(&HostNames, r"[0-9A-Za-c._:\[\]@/-]{1,6}(,[ a-c.:]{0,3})?");
        describes_what_it_takes(&WebhookUrl, "(https?|HTTPS)://[a-c._-]{1,3}(:[0-9]{1,5})?[!-~]{0,6}");
        describes_what_it_takes(&WebhookSecret, "whsec_[A-Za-z0-9+/]{30,90}={0,3}");
    }

    #[test]
    fn a_password_that_is_not_escaped_fits_no_url() {
        let whole = Regex::new(&format!(r"\A(?:{POSTGRES_URL})\z")).unwrap();
        for text in [
            "postgres://h/d",
            "postgresql://u:p%23w@db.example.com:65535/d?sslmode=require",
            "postgres://u@[::1]:5432/d",
            "postgres:///d?host=/run/postgresql",
            "postgres://u:pä$w!@10.0.0.1",
        ] {
            assert!(whole.is_match(text) && PostgresUrl.parse(text).is_some(), "{text}");
        }
        for text in [
            "postgres://u:p#w@h/d",
            "postgres://u:p/w@h/d",
            "postgres://u:p?w@h/d",
            "postgres://h:65536/d",
            "mysql://h/d",
        ] {
            assert!(!whole.is_match(text) && PostgresUrl.parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn whatever_fits_the_described_form_is_taken() {
        takes_what_it_describes(&Word);
        takes_what_it_describes(&Origins);
        takes_what_it_describes(&HostNames);
        takes_what_it_describes(&WebhookUrl);
        takes_what_it_describes(&WebhookSecret);
    }
}
