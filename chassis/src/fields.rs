//! Reads named values and remembers what is wrong with each, so that all errors are reported together.
//!
//! ```
//! use chassis::fields::{Field, Fields, FromFields, Noted, text};
//! use serde_json::{Value, json};
//!
//! struct Name(String);
//!
//! impl Field for Name {
//!     fn parse(value: Value) -> Result<Self, String> {
//!         let text = text(value)?;
//!         if text.is_empty() { Err("must not be empty".into()) } else { Ok(Self(text)) }
//!     }
//! }
//!
//! struct Pet {
//!     name: Name,
//! }
//!
//! impl FromFields for Pet {
//!     fn read(fields: &mut Fields) -> Result<Self, Noted> {
//!         let name = fields.required("name");
//!         Ok(Self { name: name? })
//!     }
//! }
//!
//! let Value::Object(values) = json!({"name": "", "colour": "red"}) else { unreachable!() };
//! let errors = Fields::read::<Pet>(values).err().unwrap();
//! assert_eq!(errors.len(), 2, "one is wrong, and one unknown");
//! ```

use serde_json::{Map, Value};

use crate::problem::FieldError;

/// A value that can be read from JSON; the error says what was expected.
pub trait Field: Sized {
    /// Reads a value, or says what was expected.
    fn parse(value: Value) -> Result<Self, String>;
}

/// A request's content, read field by field.
pub trait FromFields: Sized {
    /// Reads all fields before the first `?`, so that everything wrong is reported.
    fn read(fields: &mut Fields) -> Result<Self, Noted>;
}

/// Says that something was wrong, and that what it was is noted already.
#[derive(Debug)]
pub struct Noted;

/// What to do with a value that may be absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change<T> {
    /// Not mentioned: stays as it is.
    #[default]
    Keep,
    /// Null: goes.
    Clear,
    /// Becomes this.
    Set(T),
}

/// Named values, and what was found wrong with them so far.
pub struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<T> Change<T> {
    /// Whether it stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// What it becomes, if that is something.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl Fields {
    /// Reads all of a `T`, or says all that is wrong, unknown names included.
    pub fn read<T: FromFields>(values: Map<String, Value>) -> Result<T, Vec<FieldError>> {
        let mut fields = Self { values, errors: Vec::new() };
        let read = T::read(&mut fields);
        let Self { values, mut errors } = fields;
        errors.extend(values.into_iter().map(|(name, _)| FieldError::new(name, "is not known here")));
        read.ok().filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// A value that must be there.
    pub fn required<T: Field>(&mut self, name: &str) -> Result<T, Noted> {
        match self.values.remove(name) {
            Some(value) => self.parse(name, value),
            None => self.wrong(name, "is missing"),
        }
    }

    /// A value that may be absent or null.
    pub fn optional<T: Field>(&mut self, name: &str) -> Result<Option<T>, Noted> {
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.parse(name, value).map(Some),
        }
    }

    /// A value that may be absent, but not null.
    pub fn replacement<T: Field>(&mut self, name: &str) -> Result<Option<T>, Noted> {
        match self.values.remove(name) {
            None => Ok(None),
            Some(value) => self.parse(name, value).map(Some),
        }
    }

    /// A value that may be absent, or null to be cleared.
    pub fn change<T: Field>(&mut self, name: &str) -> Result<Change<T>, Noted> {
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
pub fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("must be a string".into()),
    }
}
