//! What the compiler has found.

use serde::Deserialize;

/// What the compiler has found, as it shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The first error in one line, with its place.
    pub headline: Option<String>,
    /// All errors and warnings in the compiler's own words and colours, one after the other.
    pub text: String,
}

/// A line of what cargo writes for programs.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        message: Message,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Message {
    rendered: Option<String>,
    #[serde(rename = "message")]
    words: String,
    level: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    is_primary: bool,
}

impl Diagnosis {
    /// Takes a line up, if it is for it.
    pub(super) fn hear(&mut self, line: &str) {
        let Ok(Line::CompilerMessage { message }) = serde_json::from_str(line) else { return };
        // That there were errors is said of errors.
        if message.spans.is_empty() && message.words.contains("previous error") {
            return;
        }
        if self.headline.is_none() && message.level == "error" {
            self.headline = Some(message.in_one_line());
        }
        self.text += &message.rendered.unwrap_or_default();
    }
}

impl Message {
    fn in_one_line(&self) -> String {
        let place = self.spans.iter().find(|span| span.is_primary);
        let place = place.map(|span| format!("{}:{}: ", span.file_name, span.line_start)).unwrap_or_default();
        format!("{place}{}", self.words)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(level: &str, words: &str, spans: &[(&str, usize, bool)]) -> String {
        let spans = spans.iter().map(
            |(file, line, primary)| json!({ "file_name": file, "line_start": line, "is_primary": primary }),
        );
        let message = json!({ "level": level, "message": words, "rendered": format!("{level}: {words}\n"),
            "spans": spans.collect::<Vec<_>>() });
        json!({ "reason": "compiler-message", "message": message }).to_string()
    }

    #[test]
    fn the_headline_is_the_first_error_and_where_it_is() {
        let mut found = Diagnosis::default();
        found.hear(r#"{"reason":"compiler-artifact","filenames":[]}"#);
        found.hear(&message("warning", "unused variable: `x`", &[("src/main.rs", 1, true)]));
        found.hear(&message("error", "mismatched types", &[("src/a.rs", 2, false), ("src/a.rs", 7, true)]));
        found.hear(&message("error", "cannot find value `y`", &[("src/b.rs", 9, true)]));
        found.hear(&message("error", "aborting due to 2 previous errors", &[]));
        found.hear("not for programs");
        assert_eq!(found.headline.as_deref(), Some("src/a.rs:7: mismatched types"));
        assert_eq!(
            found.text,
            "warning: unused variable: `x`\nerror: mismatched types\nerror: cannot find value `y`\n"
        );
    }
}
