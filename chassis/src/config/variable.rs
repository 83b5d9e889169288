//! What a variable is: a name, the kind of its value, whether it must be set, and a line of help.

use std::fmt::{self, Display};

use serde::Serialize;

/// One environment variable.
pub struct Variable<K> {
    pub(super) name: &'static str,
    pub(super) kind: K,
    pub(super) need: Need,
    pub(super) help: &'static str,
}

/// Whether a variable must be set.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Need {
    /// Must be set.
    Required,
    /// May be left out, and has no value then.
    Optional,
    /// Required, and never to be shown.
    Secret,
    /// May be left out, and never to be shown.
    OptionalSecret,
    /// May be left out, and has this value then.
    Default(&'static str),
}

/// The type of a variable's value. What its shape describes it takes, and the other way round.
pub trait Kind {
    /// What the text becomes.
    type Value;

    /// Reads a value, or nothing if the text is none.
    fn parse(&self, text: &str) -> Option<Self::Value>;

    /// What the text may be.
    fn shape(&self) -> Shape;

    /// The variables that must be set if one of this kind is.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }
}

/// A kind as the outside sees it: part of what `describe` prints, and what a mistake is told to have been expected.
/// Patterns are regular expressions that match the whole text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Shape {
    /// A URL.
    #[allow(missing_docs, reason = "as the enum says")]
    Url { pattern: &'static str, expected: &'static str },
    /// A whole number between two bounds.
    #[allow(missing_docs, reason = "the bounds")]
    Integer { min: u32, max: u32 },
    /// An IP address.
    Address,
    /// One of a few words.
    #[allow(missing_docs, reason = "the words")]
    Choice { choices: Vec<&'static str> },
    /// A duration such as `5s`.
    #[allow(missing_docs, reason = "the longest")]
    Duration { max: &'static str },
    /// Any text of this pattern.
    #[allow(missing_docs, reason = "as the enum says")]
    String { pattern: &'static str, expected: &'static str },
}

/// A variable of any kind, as `describe` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    name: &'static str,
    #[serde(flatten)]
    shape: Shape,
    required: bool,
    secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    needs: &'static [&'static str],
    help: &'static str,
}

impl<K> Variable<K> {
    /// Declares a variable: name, kind of value, need, and a line of help that begins in lower case.
    pub const fn new(name: &'static str, kind: K, need: Need, help: &'static str) -> Self {
        Self { name, kind, need, help }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl Description {
    /// The variable's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<K: Kind> Variable<K> {
    pub(super) fn describe(&self) -> Description {
        let (required, secret, default) = match self.need {
            Need::Required => (true, false, None),
            Need::Optional => (false, false, None),
            Need::Secret => (true, true, None),
            Need::OptionalSecret => (false, true, None),
            Need::Default(text) => (false, false, Some(text)),
        };
        let (shape, needs) = (self.kind.shape(), self.kind.needs());
        Description { name: self.name, shape, required, secret, default, needs, help: self.help }
    }
}

impl Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max } => write!(formatter, "an integer from {min} to {max}"),
            Self::Address => formatter.write_str("an IP address such as 0.0.0.0 or ::1"),
            Self::Choice { choices } => write!(formatter, "one of {}", choices.join(", ")),
            Self::Duration { max } => {
                write!(formatter, "a duration such as 250ms, 5s or 2m, of at most {max}")
            }
            Self::Url { expected, .. } | Self::String { expected, .. } => formatter.write_str(expected),
        }
    }
}
