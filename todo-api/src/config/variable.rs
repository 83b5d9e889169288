//! What a variable is: a name, the kind of its value, whether it must be set, and a line of help.

use std::fmt::{self, Display};

use serde::Serialize;

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
    /// May be left out, and has no value then.
    Optional,
    /// Required, and never to be shown.
    Secret,
    /// May be left out, and never to be shown.
    OptionalSecret,
    Default(&'static str),
}

/// The type of a variable's value.
pub(crate) trait Kind {
    type Value;

    fn parse(&self, text: &str) -> Option<Self::Value>;

    fn shape(&self) -> Shape;

    /// The variables that must be set if one of this kind is.
    fn needs(&self) -> &'static [&'static str] {
        &[]
    }
}

/// A kind as the outside sees it: part of what `describe` prints, and what a mistake is told to have been expected.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Shape {
    Url { pattern: &'static str, expected: &'static str },
    Integer { min: u32, max: u32 },
    Address,
    Choice { choices: Vec<&'static str> },
    Duration { max: &'static str },
    String { pattern: &'static str, expected: &'static str },
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
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    needs: &'static [&'static str],
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
