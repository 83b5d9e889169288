//! The key itself.

use crate::problem::{FieldError, Kind, Problem};
use axum::http::{HeaderMap, HeaderName};
use sfv::{BareItem, Item, Parser};

/// The header that carries a key.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// A client's name for one request, however often it is sent: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Key(String);

impl Key {
    const LONGEST: usize = 255;

    /// What is between the quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key in these headers, if there is one.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::parse(value.as_bytes()).map(Some).ok_or_else(malformed),
            (Some(_), Some(_)) => Err(malformed()),
        }
    }

    /// A string as structured fields write it (RFC 9651): in quotes. Its parameters say nothing to us.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let item: Item = Parser::new(bytes).parse().ok()?;
        let BareItem::String(text) = item.bare_item else { return None };
        let text = String::from(text);
        (1..=Self::LONGEST).contains(&text.len()).then_some(Self(text))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::IntoParams for Key {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        let header = crate::openapi::header("Idempotency-Key", r#"^"([ !#-\[\]-~]|\\["\\]){1,255}"$"#);
        vec![header.description(Some("The client's name for this request, a string as in RFC 9651")).build()]
    }
}

fn malformed() -> Problem {
    let expected = format!(
        "must be one string of 1 to {} characters in double quotes, such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
        Key::LONGEST
    );
    Problem::with_fields(Kind::INVALID_PARAMETERS, vec![FieldError::new(HEADER.as_str(), expected)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_a_string_in_quotes() {
        for (text, key) in [
            ("\"a\"", Some("a")),
            ("  \"a b\"  ", Some("a b")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("\"a\";version=1", Some("a")),
            ("", None),
            ("a", None),
            ("\"\"", None),
            ("\"a", None),
            ("\"a\", \"b\"", None),
            ("\"ä\"", None),
            ("\"a\tb\"", None),
            (":YQ==:", None),
            ("1", None),
        ] {
            assert_eq!(Key::parse(text.as_bytes()).as_ref().map(Key::as_str), key, "{text:?}");
        }
        assert!(Key::parse(format!("\"{}\"", "x".repeat(255)).as_bytes()).is_some());
        assert!(Key::parse(format!("\"{}\"", "x".repeat(256)).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = Key::parse(&bytes);
        }
    }
}
