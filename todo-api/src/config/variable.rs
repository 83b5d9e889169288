//! What a variable is: a name, the kind of its value, whether it must be set, and a line of help.

use std::{
    fmt::{self, Display},
    net::IpAddr,
    str::FromStr,
    time::Duration,
};

use serde::Serialize;
use sqlx::postgres::PgConnectOptions;

use super::duration;

/// One environment variable.
pub(crate) struct Variable<K> {
    pub(super) name: &'static str,
    pub(super) kind: K,
    pub(super) need: Need,
    pub(super) help: &'static str,
}

/// Whether a variable must be set.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    Required,
    /// Required, and never to be shown.
    Secret,
    Default(&'static str),
}

/// The type of a variable's value.
pub(crate) trait Kind {
    type Value;

    fn parse(&self, text: &str) -> Option<Self::Value>;

    fn shape(&self) -> Shape;
}

/// A kind as the outside sees it: part of what `describe` prints, and what a mistake is told to have been expected.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Shape {
    Url,
    Integer { min: u32, max: u32 },
    Address,
    Choice { choices: Vec<&'static str> },
    Duration,
}

/// A variable of any kind, as `describe` prints it.
#[derive(Serialize)]
pub(crate) struct Description {
    name: &'static str,
    #[serde(flatten)]
    shape: Shape,
    required: bool,
    secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'static str>,
    help: &'static str,
}

/// Lets variables of different kinds stand in one list.
pub(crate) trait Described: Sync {
    fn describe(&self) -> Description;
}

impl<K: Kind + Sync> Described for Variable<K> {
    fn describe(&self) -> Description {
        let (required, secret, default) = match self.need {
            Need::Required => (true, false, None),
            Need::Secret => (true, true, None),
            Need::Default(text) => (false, false, Some(text)),
        };
        Description { name: self.name, shape: self.kind.shape(), required, secret, default, help: self.help }
    }
}

impl Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => formatter.write_str("a URL such as postgres://user:password@host:5432/database"),
            Self::Integer { min, max } => write!(formatter, "an integer from {min} to {max}"),
            Self::Address => formatter.write_str("an IP address such as 0.0.0.0 or ::1"),
            Self::Choice { choices } => write!(formatter, "one of {}", choices.join(", ")),
            Self::Duration => formatter.write_str("a duration such as 250ms, 5s or 2m"),
        }
    }
}

/// The URL of a PostgreSQL database.
pub(crate) struct PostgresUrl;

impl Kind for PostgresUrl {
    type Value = PgConnectOptions;

    fn parse(&self, text: &str) -> Option<PgConnectOptions> {
        let (scheme, _) = text.split_once("://")?;
        if matches!(scheme, "postgres" | "postgresql") { PgConnectOptions::from_str(text).ok() } else { None }
    }

    fn shape(&self) -> Shape {
        Shape::Url
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
        Shape::Duration
    }
}
