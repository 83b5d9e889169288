//! The documents hold what the command line takes: the reference is made of it, each command in them parses, and each
//! link leads somewhere.

use std::{fmt::Write, fs, path::PathBuf};

use clap::{Command, CommandFactory, Parser, error::ErrorKind};
use xtask_contract::Repo;

use super::Cli;

const REFERENCE: &str = "docs/commands.md";

fn root() -> PathBuf {
    Repo::around(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().root().to_owned()
}

/// All documents of the project, with their texts.
fn documents() -> Vec<(PathBuf, String)> {
    let pages = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        paths.sort();
        paths
    };
    let folders =
        ["", "docs", "releases", "ansible"].into_iter().filter(|folder| root().join(folder).is_dir());
    folders.flat_map(pages).map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn reference() -> String {
    let mut text = String::from(
        "# Commands\n\nWhat `cargo xtask` takes, as each command says it with `--help`. This page is made of the command line \
         itself:\n\n    UPDATE=1 cargo xtask test \"unit tests\"\n",
    );
    let mut cli = Cli::command().term_width(100);
    cli.build();
    add(&mut text, &mut cli, 2);
    text
}

fn add(text: &mut String, command: &mut Command, depth: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let _ = write!(text, "\n{} {name}\n\n", "#".repeat(depth));
    for line in command.render_long_help().to_string().trim_end().lines() {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    }
    // What `help` says stands on this page.
    let told = |below: &&mut Command| !below.is_hide_set() && below.get_name() != "help";
    for below in command.get_subcommands_mut().filter(told) {
        add(text, below, (depth + 1).min(4));
    }
}

#[test]
fn the_reference_is_what_the_command_line_says() {
    let (path, reference) = (root().join(REFERENCE), reference());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &reference).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reference,
        "{REFERENCE} is not current: `UPDATE=1 cargo xtask test \"unit tests\"` writes it"
    );
}

/// The commands of this toolchain in a document: lines of its blocks for a shell, which can be typed as they are, and what
/// stands between backticks, which may only name a verb.
fn commands(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut block = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(mark), None) => block = Some(mark.starts_with("sh")),
            (Some(_), Some(_)) => block = None,
            (None, Some(true)) => found.push((line.trim_start().to_owned(), true)),
            (None, Some(false)) => {}
            (None, None) => {
                found.extend(line.split('`').skip(1).step_by(2).map(|named| (named.to_owned(), false)));
            }
        }
    }
    found.retain(|(line, _)| line.starts_with("cargo xtask "));
    found
}

/// The words of a command line as a shell would make them of it, up to where it does something else with it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            ('|' | '<' | '>' | '#' | ';', None) if word.is_none() => break,
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn each_command_in_the_documents_is_one() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in documents().into_iter().filter(|(path, _)| !path.ends_with(REFERENCE)) {
        for (line, typed) in commands(&text) {
            seen += 1;
            let placeholders = |word: String| if word == "ENV" { "dev".into() } else { word };
            let words = words(line.strip_prefix("cargo ").unwrap()).into_iter().map(placeholders);
            let Err(error) = Cli::try_parse_from(words) else { continue };
            let only_named = !typed && error.kind() == ErrorKind::MissingRequiredArgument;
            if !only_named && error.kind() != ErrorKind::DisplayHelp {
                wrong.push(format!("{}: {line}: {error}", path.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_link_between_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let anchored = anchor.is_empty()
                || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).any(|known| known == anchor));
            if !target.exists() || !anchored {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

/// What the headings and marks of a document can be linked by.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let marks = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    let heading = |line: &str| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
    };
    text.lines().filter_map(heading).chain(marks).collect::<Vec<_>>().into_iter()
}
