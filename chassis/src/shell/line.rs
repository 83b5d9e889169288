//! Whether what was typed so far is all that there is to it.

use rhai::{Engine, LexError, ParseErrorType, Position};

/// What no script may contain outside of a comment.
const STRANGE: &str = "\n@";

/// Whether more lines have to follow: something was begun, and the text ends in it.
pub(super) fn is_begun(engine: &Engine, text: &str) -> bool {
    let Err(error) = engine.compile(text) else {
        // A comment that is not ended swallows everything.
        return engine.compile(format!("{text}{STRANGE}")).is_ok();
    };
    match error.err_type() {
        // The position is that of the quote. Only a backquote may be closed on another line.
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            at(text, error.position()) == Some('`') || text.ends_with('\\')
        }
        _ => is_end(text, error.position()),
    }
}

fn at(text: &str, position: Position) -> Option<char> {
    text.split('\n').nth(position.line()? - 1)?.chars().nth(position.position()?.checked_sub(1)?)
}

/// Whether nothing but space comes from there on.
fn is_end(text: &str, position: Position) -> bool {
    let (Some(line), Some(column)) = (position.line(), position.position()) else {
        return false;
    };
    let mut rest = text.split('\n').skip(line - 1);
    let here = rest.next().unwrap_or_default();
    here.chars().skip(column - 1).all(char::is_whitespace) && rest.all(|line| line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_goes_on_and_a_mistake_does_not() {
        let engine = Engine::new();
        for text in [
            "if true {",
            "if true {\n",
            "let x =",
            "foo(",
            "foo(1,",
            "#{a: 1,",
            "[1, 2",
            "`abc",
            "x.foo(`a\nb",
            "/* a",
            "1 /* a\n b",
            "1 +",
            "fn a(x) {\n x",
            "a.b(\nc",
            "pets.",
            "\"a\\",
        ] {
            assert!(is_begun(&engine, text), "{text:?}");
        }
        for text in [
            "",
            " ",
            "1",
            "let x = 1;",
            "// a",
            "/* a */",
            "1 2",
            "x)",
            "\"abc",
            "foo(1 2",
            "@",
            "{ 1 2",
            "if true {}\n",
            "`a\nb`",
        ] {
            assert!(!is_begun(&engine, text), "{text:?}");
        }
    }
}
