//! A part of CONTRIBUTING.md that says how something is added.

/// What is added, and how.
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

/// The change of one file.
pub(super) struct Step {
    /// Its path in the repository.
    pub(super) file: String,
    pub(super) change: Change,
}

pub(super) enum Change {
    /// The file is new, and this is in it.
    New(String),
    /// Lines that are there, and what is there instead.
    Edits(Vec<[String; 2]>),
}

const DOCUMENT: &str = include_str!("../../../../CONTRIBUTING.md");

impl Recipe {
    /// All that are shown.
    pub(super) fn all() -> Vec<Self> {
        let (_, part) = DOCUMENT.split_once("\n## To add …\n").unwrap();
        let (part, _) = part.split_once("\n## ").unwrap();
        let recipes = part.split("\n**").skip(1).map(|text| {
            let (name, text) = text.split_once(".**").unwrap();
            Self { name: name.to_owned(), steps: steps(text) }
        });
        recipes.filter(|recipe| !recipe.steps.is_empty()).collect()
    }
}

/// Each block, with the file that the text before it names last.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\n```") {
        let (block, after) = after.split_once("\n```").unwrap();
        let (mark, block) = block.split_once('\n').unwrap();
        let file = before.split('`').rfind(|part| part.contains('/')).unwrap().to_owned();
        let change =
            if mark == "diff" { Change::Edits(edits(block)) } else { Change::New(format!("{block}\n")) };
        steps.push(Step { file, change });
        rest = after;
    }
    steps
}

/// The lines before and after each edit.
fn edits(diff: &str) -> Vec<[String; 2]> {
    diff.split("\n@@\n")
        .map(|hunk| {
            let side = |other: char| {
                let lines = hunk.lines().filter(|line| !line.starts_with(other));
                lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
            };
            [side('+'), side('-')]
        })
        .collect()
}
