//! Reads named values and remembers what is wrong with each, so that all of it can be told at once.

use serde_json::{Map, Value};

use crate::problem::FieldError;

/// A value that can be read from JSON; the error says what was expected.
pub(crate) trait Field: Sized {
    fn parse(value: Value) -> Result<Self, String>;
}

/// A request's content, read field by field.
pub(crate) trait FromFields: Sized {
    fn read(fields: &mut Fields) -> Result<Self, Noted>;
}

/// Says that something was wrong, and that what it was is noted already.
pub(crate) struct Noted;

/// What to do with a value that may be absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Change<T> {
    /// Not mentioned: stays as it is.
    #[default]
    Keep,
    /// Null: goes.
    Clear,
    Set(T),
}

/// Named values, and what was found wrong with them so far.
pub(crate) struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<T> Change<T> {
    pub(crate) fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl Fields {
    /// Reads all of a `T`, or says all that is wrong, unknown names included.
    pub(crate) fn read<T: FromFields>(values: Map<String, Value>) -> Result<T, Vec<FieldError>> {
        let mut fields = Self { values, errors: Vec::new() };
        let read = T::read(&mut fields);
        let Self { values, mut errors } = fields;
        errors.extend(values.into_iter().map(|(name, _)| FieldError::new(name, "is not known here")));
        read.ok().filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// A value that must be there.
    pub(crate) fn required<T: Field>(&mut self, name: &str) -> Result<T, Noted> {
        match self.values.remove(name) {
            Some(value) => self.parse(name, value),
            None => self.wrong(name, "is missing"),
        }
    }

    /// A value that may be absent or null.
    pub(crate) fn optional<T: Field>(&mut self, name: &str) -> Result<Option<T>, Noted> {
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.parse(name, value).map(Some),
        }
    }

    /// A value that may be absent, but not null.
    pub(crate) fn replacement<T: Field>(&mut self, name: &str) -> Result<Option<T>, Noted> {
        match self.values.remove(name) {
            None => Ok(None),
            Some(value) => self.parse(name, value).map(Some),
        }
    }

    /// A value that may be absent, or null to be cleared.
    pub(crate) fn change<T: Field>(&mut self, name: &str) -> Result<Change<T>, Noted> {
        match self.values.remove(name) {
            None => Ok(Change::Keep),
            Some(Value::Null) => Ok(Change::Clear),
            Some(value) => self.parse(name, value).map(Change::Set),
        }
    }

    fn parse<T: Field>(&mut self, name: &str, value: Value) -> Result<T, Noted> {
        T::parse(value).or_else(|detail| self.wrong(name, detail))
    }

    fn wrong<T>(&mut self, name: &str, detail: impl Into<String>) -> Result<T, Noted> {
        self.errors.push(FieldError::new(name, detail));
        Err(Noted)
    }
}

/// The text of a value that has to be one.
pub(crate) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("must be a string".into()),
    }
}
