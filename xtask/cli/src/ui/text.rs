//! What is shown: lines of words, some of them in a colour.
//!
//! Words may come from a file or a network. They are escaped here, where they are shown, so no caller can forget it: the
//! only ends of lines and colours that reach a terminal are those that these functions made.

use serde::Serialize;
use xtask_contract::Error;
use xtask_lines::{escape, escape_json, paint};

use super::Colours;

const RED: u8 = 31;
const GREEN: u8 = 32;
const CYAN: u8 = 36;
/// How far what belongs to a line is set in below it: nothing in it can be taken for a line of the toolchain's.
const SET_IN: &str = "    ";

/// Lines to be shown. A `String` becomes one line, whatever is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<Line>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Line(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    colour: Option<u8>,
    words: String,
}

impl Text {
    /// All these texts, one below the other.
    pub(crate) fn lines<T: Into<Self>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self(texts.into_iter().flat_map(|text| text.into().0).collect())
    }

    /// A text that is shown for itself, such as a script: its lines are lines.
    pub(crate) fn block(text: &str) -> Self {
        Self::lines(text.split('\n'))
    }

    /// A line, and set in below it whatever stands in further lines of the text.
    pub(crate) fn paragraph(text: &str) -> Self {
        let mut lines = text.split('\n');
        let mut all = Self::from(lines.next().unwrap_or_default());
        for line in lines {
            all.push(format!("{SET_IN}{line}"));
        }
        all
    }

    /// A unified diff.
    pub(crate) fn diff(text: &str) -> Self {
        Self::lines(text.trim_end_matches('\n').split('\n').map(|line| match line.as_bytes().first() {
            Some(b'-') => Self::removed(line),
            Some(b'+') => Self::added(line),
            Some(b'@') => Self::coloured(CYAN, line),
            _ => line.into(),
        }))
    }

    /// What went wrong, in the form of [`Error`]'s own words.
    pub(crate) fn of_error(error: &Error) -> Self {
        let Error { doing, why, next, .. } = error;
        let mut all = match why.as_slice() {
            [only] => Self::paragraph(&format!(": {doing}: {only}")),
            many => Self::paragraph(&format!(": {doing}: {} problems", many.len())),
        };
        if let Some(first) = all.0.first_mut() {
            first.0.insert(0, Part { colour: Some(RED), words: "error".into() });
        }
        for one in why.iter().filter(|_| why.len() > 1) {
            all.push(Self::paragraph(&format!("  - {one}")));
        }
        if let Some(next) = next {
            all.push(Self::paragraph(&format!("  next: {next}")));
        }
        all
    }

    /// A line that tells what is no longer there, or not as it should be.
    pub(crate) fn removed(words: impl Into<String>) -> Self {
        Self::coloured(RED, words)
    }

    /// A line that tells what is new.
    pub(crate) fn added(words: impl Into<String>) -> Self {
        Self::coloured(GREEN, words)
    }

    /// Appends lines.
    pub(crate) fn push(&mut self, more: impl Into<Self>) {
        self.0.extend(more.into().0);
    }

    fn coloured(colour: u8, words: impl Into<String>) -> Self {
        Self(vec![Line(vec![Part { colour: Some(colour), words: words.into() }])])
    }

    /// As it is written to a stream that shows colours, or does not.
    pub(super) fn shown(&self, colours: Colours) -> String {
        let part = |part: &Part| match part.colour {
            Some(colour) => paint(colours.are_shown(), colour, &escape(&part.words)),
            None => escape(&part.words).into_owned(),
        };
        let lines = self.0.iter().map(|line| line.0.iter().map(part).collect::<String>());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The words alone, for what escapes them by itself.
    pub(crate) fn words(&self) -> String {
        let words = |line: &Line| line.0.iter().map(|part| part.words.as_str()).collect::<String>();
        self.0.iter().map(words).collect::<Vec<_>>().join("\n")
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self(vec![Line(vec![Part { colour: None, words }])])
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl From<&String> for Text {
    fn from(words: &String) -> Self {
        words.clone().into()
    }
}

/// A JSON document on one line.
pub(super) fn json(document: &impl Serialize) -> String {
    // What is shown is made of texts, numbers and maps with texts for keys: it always is a document.
    escape_json(&serde_json::to_string(document).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Colours = Colours(false);
    const COLOURED: Colours = Colours(true);
    /// What a file could hold that wants to look like something else.
    const EVIL: &str = "x\u{1b}[2J\u{1b}[31mred\u{1b}[0m\nerror: y\r\u{202e}z\u{9b}1m";
    const ESCAPED: &str = "x\\u{1b}[2J\\u{1b}[31mred\\u{1b}[0m\\nerror: y\\r\\u{202e}z\\u{9b}1m";

    #[test]
    fn a_string_is_one_line_and_only_the_texts_own_colours_are_colours() {
        assert_eq!(Text::from(EVIL).shown(COLOURED), ESCAPED);
        assert_eq!(Text::removed(EVIL).shown(COLOURED), format!("\u{1b}[31m{ESCAPED}\u{1b}[0m"));
        assert_eq!(Text::added(EVIL).shown(PLAIN), ESCAPED);
        assert_eq!(Text::lines([EVIL, "b"]).shown(COLOURED), format!("{ESCAPED}\nb"));
    }

    #[test]
    fn in_a_block_line_ends_stay_and_all_else_is_escaped() {
        assert_eq!(Text::block("a\n\u{1b}[2Jb\r\n").shown(COLOURED), "a\n\\u{1b}[2Jb\\r\n");
    }

    #[test]
    fn further_lines_of_an_error_cannot_be_taken_for_another_one() {
        let error = Error::refused(EVIL, EVIL).next("mend it");
        let shown = Text::of_error(&error).shown(COLOURED);
        let lines: Vec<_> = shown.split('\n').collect();
        assert!(lines[0].starts_with("\u{1b}[31merror\u{1b}[0m: x\\u{1b}[2J"), "{shown}");
        assert!(lines[1].starts_with("    error: y"), "{shown}");
        assert!(lines[2].starts_with("    error: y"), "{shown}");
        assert_eq!(lines[3..], ["  next: mend it"]);
        assert_eq!(shown.matches('\u{1b}').count(), 2);
    }

    #[test]
    fn an_error_is_shown_as_it_tells_itself() {
        let whys = || vec!["PORT is missing".into(), "PROT is unknown".into()];
        for error in [
            Error::failed("reading a", "it is not there"),
            Error::refused_for("releasing dev", whys()).next("set it"),
        ] {
            assert_eq!(Text::of_error(&error).shown(PLAIN), format!("error: {error}"));
        }
    }

    #[test]
    fn a_line_of_a_diff_is_coloured_by_its_mark() {
        let shown = Text::diff("@@ -1 +1 @@\n-a\u{1b}[0m\n+b\r\n c\n").shown(COLOURED);
        let lines = [
            "\u{1b}[36m@@ -1 +1 @@\u{1b}[0m",
            "\u{1b}[31m-a\\u{1b}[0m\u{1b}[0m",
            "\u{1b}[32m+b\\r\u{1b}[0m",
            " c",
        ];
        assert_eq!(shown, lines.join("\n"));
    }
}
