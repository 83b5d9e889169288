//! What could do something to a terminal, or pass for something else there.

use std::{borrow::Cow, fmt::Write};

/// Whether a character does more than to be shown: control characters, what ends a line, and what turns the direction of
/// writing round so that words seem to stand elsewhere (UAX #9).
fn is_harmful(c: char) -> bool {
    match c {
        '\t' | ' '..='~' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control() || is_invisible(c),
    }
}

/// Whether a character takes no place of its own, so that two texts which differ in it look the same (Unicode's
/// `Default_Ignorable_Code_Point`, but for joiners and variation selectors, which words and emoji are written with).
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}')
}

/// The text on one line, with nothing in it that is more than shown.
pub fn escape(text: &str) -> Cow<'_, str> {
    replaced(text, |clean, c| clean.extend(c.escape_default()))
}

/// A JSON document, which means the same, with nothing in it that is more than shown.
pub fn escape_json(document: &str) -> Cow<'_, str> {
    replaced(document, |clean, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(clean, "\\u{unit:04x}");
        }
    })
}

fn replaced(text: &str, by: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) {
            by(&mut clean, c);
        } else {
            clean.push(c);
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_escaped() {
        for (text, shown) in [
            ("plain \"ünï\" words\tand a tab, \\n too", "plain \"ünï\" words\tand a tab, \\n too"),
            ("\u{1b}[2J\u{9b}1m\u{7f}\u{0}", "\\u{1b}[2J\\u{9b}1m\\u{7f}\\u{0}"),
            ("two\nlines\r", "two\\nlines\\r"),
            ("a\u{85}b\u{2028}c\u{2029}", "a\\u{85}b\\u{2028}c\\u{2029}"),
            ("abc\u{202e}txt\u{2066}\u{200f}\u{61c}", "abc\\u{202e}txt\\u{2066}\\u{200f}\\u{61c}"),
            ("👩\u{200d}🔧", "👩\u{200d}🔧"),
            ("de\u{200b}bug\u{feff}\u{e0041}", "de\\u{200b}bug\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(escape(text), shown);
            assert_eq!(escape(&escape(text)), shown);
        }
    }

    #[test]
    fn a_document_means_what_it_did() {
        let text = "\u{1b}[2J\u{9b}1m\u{7f}\n\u{202e}\u{2028}\u{200b}\u{e0041}ü\"\\";
        let document = serde_json::to_string(text).unwrap();
        let escaped = escape_json(&document);
        assert!(!escaped.contains(is_harmful), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}
