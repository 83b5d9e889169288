//! A line of a process as people read it.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::{Line, escape, escape_json, paint};

const FAINT: u8 = 2;
const RED: u8 = 31;
const YELLOW: u8 = 33;

impl Line<'_> {
    /// The line in a readable form, with a time, if wanted in a terminal's colours. One that is a JSON object: the
    /// level, the message, then the fields.
    pub fn readable(&self, colours: bool) -> String {
        match serde_json::from_str(self.text) {
            Ok(fields) => record(fields, self, colours),
            Err(_) => format!("{} {}", paint(colours, FAINT, &moment(self.time)), escape(self.text)),
        }
    }

    /// All that is known of the line, as a JSON document.
    pub fn json(&self) -> String {
        // A struct of texts is always one.
        escape_json(&serde_json::to_string(self).unwrap_or_default()).into_owned()
    }
}

fn record(mut fields: Map<String, Value>, line: &Line<'_>, colours: bool) -> String {
    let mut first = |names: &[&str]| {
        let name = names.iter().find(|name| fields.get(**name).is_some_and(Value::is_string))?;
        match fields.remove(*name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    };
    let time = first(&["timestamp", "time", "ts"]);
    let level = first(&["level", "severity"]).unwrap_or_default();
    let message = first(&["message", "msg"]).unwrap_or_default();
    let time = time.as_deref().unwrap_or(line.time);
    let mut text = paint(colours, FAINT, &moment(time));
    let padded = format!("{:<5}", escape(&level));
    let level = match level.to_ascii_uppercase().as_str() {
        "ERROR" | "FATAL" => paint(colours, RED, &padded),
        "WARN" | "WARNING" => paint(colours, YELLOW, &padded),
        _ => padded,
    };
    let _ = write!(text, " {level} {}", escape(&message));
    let mut name = String::new();
    add_all(&mut text, &mut name, &fields, colours);
    text
}

/// Appends fields in the order of their names: what order a map has, some crate far away may decide by a feature.
fn add_all(text: &mut String, name: &mut String, fields: &Map<String, Value>, colours: bool) {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(field, _)| *field);
    for (field, value) in sorted {
        add(text, name, field, value, colours);
    }
}

/// Appends a field; one that has fields itself, with each of them.
fn add(text: &mut String, name: &mut String, field: &str, value: &Value, colours: bool) {
    let before = name.len();
    if before > 0 {
        name.push('.');
    }
    name.push_str(field);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            add_all(text, name, fields, colours);
        }
        value => {
            text.push(' ');
            text.push_str(&paint(colours, FAINT, &(escape(name) + "=")));
            match value {
                Value::String(word) if is_word(word) => text.push_str(&escape(word)),
                value => text.push_str(&escape(&value.to_string())),
            }
        }
    }
    name.truncate(before);
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '=' | '\\'))
}

fn is_of_a_time(byte: u8) -> bool {
    byte.is_ascii_digit() || b"-:.TZ".contains(&byte)
}

/// A time without what is the same in all lines: a date, and a time of the day to the millisecond, in UTC.
fn moment(time: &str) -> String {
    match (time.get(..10), time.get(11..23)) {
        (Some(date), Some(day)) if time.ends_with('Z') && time.bytes().all(is_of_a_time) => {
            format!("{date} {day}")
        }
        _ => escape(time).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, colours: bool) -> String {
        let time = "2011-04-06T20:32:17.123456Z";
        let line = Line { time, release: "2011-04-06-20:32:17", process: "web.1", instance: "1", text };
        line.readable(colours)
    }

    #[test]
    fn of_an_object_the_message_comes_first_then_the_fields() {
        let text = r#"{"timestamp":"2011-04-06T20:32:16.999999Z","level":"INFO","message":"answered",
            "target":"greeter","status":200,"path":"/api/todos","agent":"a b","span":{"name":"request","id":[1]}}"#;
        assert_eq!(
            seen(&text.replace('\n', ""), false),
            "2011-04-06 20:32:16.999 INFO  answered agent=\"a b\" path=/api/todos span.id=[1] \
             span.name=request status=200 target=greeter"
        );
    }

    #[test]
    fn what_is_no_object_is_shown_as_it_is_with_the_time_when_it_was_heard() {
        for text in ["plain words", "[1]", "{broken", ""] {
            assert_eq!(seen(text, false), format!("2011-04-06 20:32:17.123 {text}"));
        }
        assert_eq!(seen("{}", false), "2011-04-06 20:32:17.123       ");
    }

    #[test]
    fn a_level_that_matters_is_in_colour() {
        let error = seen(r#"{"level":"ERROR","message":"no"}"#, true);
        assert_eq!(error, "\u{1b}[2m2011-04-06 20:32:17.123\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m no");
    }

    #[test]
    fn what_a_line_gives_for_its_time_is_shown_like_any_text() {
        for (time, shown) in [
            (r"\u001b[2J\u001b[H--X\u001b]0;hackedZ", r"\u{1b}[2J\u{1b}[H--X\u{1b}]0;hackedZ"),
            (r"\nerror: xY\nnext: rm -rfZZ", r"\nerror: xY\nnext: rm -rfZZ"),
            ("2011-04-06 20:32", "2011-04-06 20:32"),
        ] {
            assert_eq!(
                seen(&format!(r#"{{"timestamp":"{time}","message":"x"}}"#), false),
                format!("{shown}       x")
            );
        }
    }

    #[test]
    fn nothing_in_a_line_reaches_the_terminal_as_a_command() {
        assert_eq!(
            seen("\u{1b}[2J\u{9b}1m\u{202e}", false),
            "2011-04-06 20:32:17.123 \\u{1b}[2J\\u{9b}1m\\u{202e}"
        );
        let object = seen(r#"{"message":"\u001b[2J\nx","\u001b":"\u001b]0;x"}"#, false);
        assert!(!object.contains(['\u{1b}', '\n']), "{object}");
    }
}
