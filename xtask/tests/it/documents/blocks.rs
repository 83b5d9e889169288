//! The code blocks of a document.

use std::{fs, path::Path};

/// A block between fences.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What follows the opening fence: a language, and perhaps more.
    pub(crate) mark: String,
    /// The last line of text before it.
    pub(crate) intro: String,
    pub(crate) lines: Vec<String>,
}

impl Block {
    /// The file that it is the content of: the path with which the text before it ends.
    pub(crate) fn file(&self) -> Option<&str> {
        let (_, path) = self
            .intro
            .trim_end_matches([':', ' '])
            .trim_end_matches(" becomes")
            .strip_suffix('`')?
            .rsplit_once('`')?;
        (self.mark != "sh").then_some(path)
    }

    /// The file some lines of which it is: the path after the `In` with which the text before it begins.
    pub(crate) fn part_of(&self) -> Option<&str> {
        let (path, _) = self.intro.strip_prefix("In `")?.split_once('`')?;
        (self.mark != "sh").then_some(path)
    }

    pub(crate) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

pub(crate) fn of(document: &Path) -> Vec<Block> {
    let text = fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    let mut blocks = Vec::new();
    let mut intro = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let inner = line.trim_start();
        let indent = line.len() - inner.len();
        if let Some(mark) = inner.strip_prefix("```") {
            let content = lines.by_ref().take_while(|line| line.trim() != "```");
            let content = content.map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect();
            blocks.push(Block { mark: mark.to_owned(), intro: intro.to_owned(), lines: content });
        } else if !inner.is_empty() {
            intro = line;
        }
    }
    blocks
}
