//! JSON, written into a line.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::{field::RecordFields, fmt::format::Writer};

/// Members of an object, one after the other.
pub(super) struct Members<'a, 'b> {
    to: &'a mut Writer<'b>,
    is_first: bool,
    outcome: fmt::Result,
}

impl<'a, 'b> Members<'a, 'b> {
    /// The first that the object has.
    pub(super) fn first(to: &'a mut Writer<'b>) -> Self {
        Self { to, is_first: true, outcome: Ok(()) }
    }

    /// More of them.
    pub(super) fn after_another(to: &'a mut Writer<'b>) -> Self {
        Self { to, is_first: false, outcome: Ok(()) }
    }

    /// Writes a member for each field.
    pub(super) fn write(mut self, fields: impl RecordFields) -> fmt::Result {
        fields.record(&mut self);
        self.outcome
    }

    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'b>) -> fmt::Result) {
        self.outcome = self.outcome.and_then(|()| {
            if !self.is_first {
                self.to.write_str(",")?;
            }
            self.is_first = false;
            string(self.to, field.name())?;
            self.to.write_str(":")?;
            value(self.to)
        });
    }
}

impl Visit for Members<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |to| string(to, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |to| {
            to.write_str("\"")?;
            write!(Escaped(to), "{value:?}")?;
            to.write_str("\"")
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no other numbers.
        self.member(
            field,
            |to| if value.is_finite() { write!(to, "{value:?}") } else { to.write_str("null") },
        );
    }
}

/// Writes a string, quotes included.
pub(super) fn string(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    to.write_str("\"")?;
    Escaped(to).write_str(text)?;
    to.write_str("\"")
}

/// What is within the quotes of a string (RFC 8259, 7).
struct Escaped<'a, 'b>(&'a mut Writer<'b>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // All at once first, of which the compiler makes a few steps: most texts have nothing special.
        if !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
            return self.0.write_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.bytes().position(is_special) {
            let (before, special) = rest.split_at(at);
            self.0.write_str(before)?;
            // All of them have one byte.
            let (special, after) = special.split_at(1);
            match special {
                "\"" => self.0.write_str("\\\"")?,
                "\\" => self.0.write_str("\\\\")?,
                "\n" => self.0.write_str("\\n")?,
                "\r" => self.0.write_str("\\r")?,
                "\t" => self.0.write_str("\\t")?,
                _ => write!(self.0, "\\u{:04x}", special.as_bytes()[0])?,
            }
            rest = after;
        }
        self.0.write_str(rest)
    }
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_is_the_one_that_was_written(text in any::<String>()) {
            let mut json = String::new();
            string(&mut Writer::new(&mut json), &text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text));
            prop_assert!(json.chars().all(|it| it >= ' '), "{}", json);
        }
    }

    #[test]
    fn what_is_special_is_escaped() {
        let mut json = String::new();
        string(&mut Writer::new(&mut json), "a\"b\\c\nd\te\u{0}\u{1f}ü\u{7f}").unwrap();
        assert_eq!(json, "\"a\\\"b\\\\c\\nd\\te\\u0000\\u001fü\u{7f}\"");
    }
}
