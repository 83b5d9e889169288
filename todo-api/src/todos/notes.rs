//! The notes on a todo.

use chassis::fields::{Field, text};
use serde_json::Value;

/// At most 10000 characters of any text that PostgreSQL can hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notes(String);

impl Notes {
    const LONGEST: usize = 10_000;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Notes {
    fn parse(value: Value) -> Result<Self, String> {
        let text = text(value)?;
        if text.chars().count() > Self::LONGEST {
            return Err(format!("must not have more than {} characters", Self::LONGEST));
        }
        if text.contains('\0') {
            return Err("must not contain NUL characters".into());
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_nul_is_text() {
        assert!(Notes::parse("".into()).is_ok());
        assert!(Notes::parse("two\nlines\tand \u{1f600}".into()).is_ok());
        assert!(Notes::parse("a\0b".into()).is_err());
    }

    #[test]
    fn the_length_is_in_characters() {
        assert!(Notes::parse("ü".repeat(10_000).into()).is_ok());
        assert!(Notes::parse("u".repeat(10_001).into()).is_err());
    }
}
