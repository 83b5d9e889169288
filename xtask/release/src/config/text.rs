//! Edits the text of a deploy's file. Only what is asked for changes: every other byte of it stays, comments,
//! order and blank lines included, because the parser only tells where things are.

use std::ops::Range;

use toml_edit::{Document, DocumentMut, InlineTable, Item, TomlError, Value};

/// The table of the variables.
const CONFIG: &str = "config";

/// The text with this variable set. What stood as text stays text; else a number or a truth value is written as one.
pub(super) fn set(text: &str, name: &str, value: &str) -> Result<String, TomlError> {
    let document = Document::parse(text)?;
    let Some(config) = document.get(CONFIG) else { return Ok(with_section(text, name, value)) };
    let lines = lines(config);
    Ok(match lines.iter().find(|line| line.name == name) {
        Some(line) => splice(text, line.value.clone(), &as_it_stood(line.item, value).to_string()),
        None if config.is_inline_table() => {
            in_braces(text, config, |table| drop(table.insert(name, as_toml(value))))?
        }
        None => {
            let (at, lead) = place(text, config, &lines, name);
            insert(text, at, &format!("{lead}{name} = {}", as_toml(value)))
        }
    })
}

/// The text without this variable. A comment in its line goes with it, those above it stay.
pub(super) fn unset(text: &str, name: &str) -> Result<String, TomlError> {
    let document = Document::parse(text)?;
    let Some(config) = document.get(CONFIG) else { return Ok(text.to_owned()) };
    let lines = lines(config);
    Ok(match lines.iter().find(|line| line.name == name) {
        None => text.to_owned(),
        Some(_) if config.is_inline_table() => in_braces(text, config, |table| drop(table.remove(name)))?,
        Some(line) => splice(text, line_start(text, line.key)..line_end(text, line.value.end), ""),
    })
}

/// A variable where it stands.
struct Line<'a> {
    name: &'a str,
    /// Where its name starts.
    key: usize,
    value: Range<usize>,
    item: &'a Item,
}

/// The variables as they follow one another in the text.
fn lines(config: &Item) -> Vec<Line<'_>> {
    let Some(table) = config.as_table_like() else { return Vec::new() };
    let line = |(name, item)| {
        let key = table.key(name)?.span()?.start;
        Some(Line { name, key, value: Item::span(item)?, item })
    };
    let mut lines: Vec<Line<'_>> = table.iter().filter_map(line).collect();
    lines.sort_by_key(|line| line.key);
    lines
}

/// Where a new variable's line goes, and what its line starts with. It goes to its alphabetical place, if the
/// others are in that order, else after all of them.
fn place<'a>(text: &'a str, config: &Item, lines: &[Line<'_>], name: &str) -> (usize, &'a str) {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return (config.span().map_or(text.len(), |header| line_end(text, header.start)), "");
    };
    let lead = &text[line_start(text, first.key)..first.key];
    let in_order = lines.is_sorted_by_key(|line| line.name);
    let before = if in_order { lines.iter().rfind(|line| line.name < name) } else { Some(last) };
    // What stands above a variable is about that variable.
    let above_first = || {
        let mut at = line_start(text, first.key);
        while at > 0 && text[line_start(text, at - 1)..].trim_start_matches([' ', '\t']).starts_with('#') {
            at = line_start(text, at - 1);
        }
        at
    };
    (before.map_or_else(above_first, |line| line_end(text, line.value.end)), lead)
}

/// The text with a first variable, in a table for it.
fn with_section(text: &str, name: &str, value: &str) -> String {
    let newline = newline(text);
    let gap = if text.is_empty() { "" } else { newline };
    insert(text, text.len(), &format!("{gap}[{CONFIG}]{newline}{name} = {}", as_toml(value)))
}

/// The text with another content of the one pair of braces that holds all variables.
fn in_braces(text: &str, config: &Item, edit: impl FnOnce(&mut InlineTable)) -> Result<String, TomlError> {
    let mut copy: DocumentMut = text.parse()?;
    let (Some(braces), Some(table)) = (config.span(), copy[CONFIG].as_inline_table_mut()) else {
        return Ok(text.to_owned());
    };
    edit(table);
    table.fmt();
    table.decor_mut().clear();
    Ok(splice(text, braces, &table.to_string()))
}

/// The value as TOML: as text, if text stood there.
fn as_it_stood(item: &Item, new: &str) -> Value {
    if item.is_str() { Value::from(new) } else { as_toml(new) }
}

/// The value as TOML: as a number or a truth value only where that is written just so.
fn as_toml(new: &str) -> Value {
    match (new.parse::<i64>(), new) {
        (Ok(number), _) if number.to_string() == new => number.into(),
        (_, "true" | "false") => (new == "true").into(),
        _ => new.into(),
    }
}

/// The text with a line more.
fn insert(text: &str, at: usize, line: &str) -> String {
    let newline = newline(text);
    let gap = if at == 0 || text[..at].ends_with('\n') { "" } else { newline };
    splice(text, at..at, &format!("{gap}{line}{newline}"))
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    [&text[..range.start], new, &text[range.end..]].concat()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the next line starts.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use xtask_contract::Deploy;

    const DEPLOY: &str = "\
# A deploy.
schema = 1
target = { kind = \"local\" } # here

[config]
# What stands above a variable is about it.
COLOUR = 'red'
  # A comment that is not in line.
DEBUG = true # to be turned off

LIMIT = 30_000 # a comment
# The last word.

[scale]
web = 1 # no more";

    fn set(text: &str, name: &str, value: &str) -> String {
        super::set(text, name, value).unwrap()
    }

    fn unset(text: &str, name: &str) -> String {
        super::unset(text, name).unwrap()
    }

    #[track_caller]
    fn assert_only(before: &str, after: &str, removed: &str, added: &str) {
        let gone = |from: &str, of: &str| -> Vec<String> {
            let lines: Vec<&str> = of.lines().collect();
            from.lines().filter(|line| !lines.contains(line)).map(str::to_owned).collect()
        };
        assert_eq!(
            (gone(before, after), gone(after, before)),
            (vec![removed.to_owned()], vec![added.to_owned()])
        );
    }

    #[test]
    fn a_value_keeps_its_kind_if_it_can_and_its_comment_always() {
        let only = |name, value, removed, added| {
            assert_only(DEPLOY, &set(DEPLOY, name, value), removed, added);
        };
        only("LIMIT", "-5", "LIMIT = 30_000 # a comment", "LIMIT = -5 # a comment");
        only("LIMIT", "007", "LIMIT = 30_000 # a comment", "LIMIT = \"007\" # a comment");
        only("DEBUG", "false", "DEBUG = true # to be turned off", "DEBUG = false # to be turned off");
        only("DEBUG", "no", "DEBUG = true # to be turned off", "DEBUG = \"no\" # to be turned off");
        only("COLOUR", "12", "COLOUR = 'red'", "COLOUR = \"12\"");
    }

    #[test]
    fn a_new_variable_goes_to_its_place_in_the_alphabet() {
        let after = |name: &str, line: &str| {
            let text = set(DEPLOY, name, "x");
            assert!(text.contains(&format!("{line}\n{name} = \"x\"\n")), "{text}");
        };
        after("A", "[config]");
        after("D", "COLOUR = 'red'");
        after("E", "DEBUG = true # to be turned off");
        after("Z", "LIMIT = 30_000 # a comment");
    }

    #[test]
    fn where_there_is_no_order_a_new_variable_goes_to_the_end() {
        assert_eq!(set("[config]\nB = 1\nA = 2 # two", "AA", "3"), "[config]\nB = 1\nA = 2 # two\nAA = 3\n");
    }

    #[test]
    fn a_table_that_is_empty_or_missing_takes_a_first_variable() {
        assert_eq!(set("[config] # all\n\n[scale]\n", "A", "1"), "[config] # all\nA = 1\n\n[scale]\n");
        assert_eq!(set("[config]", "A", "true"), "[config]\nA = true\n");
        assert_eq!(set("schema = 1", "A", "01"), "schema = 1\n\n[config]\nA = \"01\"\n");
        assert_eq!(set("schema = 1\r\n", "A", "x"), "schema = 1\r\n\r\n[config]\r\nA = \"x\"\r\n");
    }

    #[test]
    fn dotted_names_and_braces_are_edited_as_they_are() {
        let dotted = "config.B = 1 # one\nconfig.C = 2\nscale.web = 1\n";
        assert_eq!(set(dotted, "A", "x"), format!("config.A = \"x\"\n{dotted}"));
        assert_eq!(unset(dotted, "B"), "config.C = 2\nscale.web = 1\n");
        let braces = "config = { A = 1, B = 'b' } # all\n";
        assert_eq!(set(braces, "B", "c"), "config = { A = 1, B = \"c\" } # all\n");
        assert_eq!(set(braces, "C", "c"), "config = { A = 1, B = 'b', C = \"c\" } # all\n");
        assert_eq!(unset(braces, "A"), "config = { B = 'b' } # all\n");
    }

    #[test]
    fn a_value_of_several_lines_goes_as_a_whole() {
        let text = set("[config]\nA = 1\n", "B", "one\ntwo");
        assert_eq!(unset(&set(&text, "A", "a\nb"), "A"), unset(&text, "A"));
        assert_eq!(unset(&text, "B"), "[config]\nA = 1\n");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Set(&'static str, String),
        Unset(&'static str),
    }

    fn step() -> impl Strategy<Value = Step> {
        let name = || proptest::sample::select(&["A", "COLOUR", "DEBUG", "DEBUG_2", "LIMIT", "M", "_X"][..]);
        let value =
            prop_oneof![any::<String>(), "[a-z'\"#=\\\\]{0,6}", any::<i64>().prop_map(|n| n.to_string())];
        prop_oneof![
            (name(), value).prop_map(|(name, value)| Step::Set(name, value)),
            name().prop_map(Step::Unset)
        ]
    }

    /// The lines that are no variable's, and the variables.
    fn parts(text: &str) -> (String, BTreeMap<String, String>) {
        let config = Deploy::parse(text).unwrap().config;
        let bare = config.keys().fold(text.to_owned(), |text, name| unset(&text, name));
        (bare, config.into_iter().map(|(name, text)| (name, text.0)).collect())
    }

    proptest! {
        #[test]
        fn any_steps_lead_to_the_variables_they_name_and_touch_nothing_else(
            steps in proptest::collection::vec(step(), 1..12), windows in any::<bool>()
        ) {
            let mut text = if windows { DEPLOY.replace('\n', "\r\n") } else { DEPLOY.to_owned() };
            let (bare, mut expected) = parts(&text);
            for step in steps {
                let (name, after) = match step {
                    Step::Set(name, value) => {
                        let after = set(&text, name, &value);
                        expected.insert(name.to_owned(), value);
                        (name, after)
                    }
                    Step::Unset(name) => {
                        expected.remove(name);
                        (name, unset(&text, name))
                    }
                };
                prop_assert_eq!(unset(&text, name), unset(&after, name));
                text = after;
                prop_assert_eq!(&parts(&text), &(bare.clone(), expected.clone()));
            }
            let none = |line: &&str| !["COLOUR", "DEBUG", "LIMIT"].iter().any(|name| line.starts_with(name));
            prop_assert!(bare.lines().eq(DEPLOY.lines().filter(none)));
        }
    }
}
