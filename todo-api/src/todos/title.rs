//! The title of a todo.

use chassis::fields::{Field, text};
use serde_json::Value;

/// 1 to 200 characters on one line, without space around them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Title(String);

impl Title {
    const LONGEST: usize = 200;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Title {
    fn parse(value: Value) -> Result<Self, String> {
        let text = text(value)?;
        let text = text.trim();
        if text.is_empty() || text.chars().count() > Self::LONGEST {
            return Err(format!("must have 1 to {} characters", Self::LONGEST));
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".into());
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn title(text: impl Into<String>) -> Result<Title, String> {
        Title::parse(Value::String(text.into()))
    }

    #[test]
    fn space_around_does_not_count() {
        assert_eq!(title(" \u{a0}buy milk\t\n").unwrap().as_str(), "buy milk");
    }

    #[test]
    fn the_length_is_in_characters() {
        assert!(title("ü".repeat(200)).is_ok());
        assert!(title("u".repeat(201)).is_err());
        assert!(title("").is_err());
        assert!(title(" \n ").is_err());
    }

    #[test]
    fn control_characters_are_refused() {
        for text in ["a\0b", "a\nb", "a\u{7f}b", "a\u{85}b"] {
            assert!(title(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_title_is_its_own_title(text in any::<String>()) {
            if let Ok(first) = title(text) {
                prop_assert_eq!(title(first.as_str()), Ok(first));
            }
        }
    }
}
