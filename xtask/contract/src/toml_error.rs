//! What is wrong with a TOML text that a person writes, and where.

/// Names the place and the mistake. No line of the text is repeated: it may hold a secret.
pub(crate) fn told(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}: {}", error.message())
}
