//! `cargo xtask doctor`: which tools are on this machine, and what brings those that are missing.

mod tools;

use serde::Serialize;
use xtask_contract::{Error, Progress, Repo, Result};

use crate::{
    cli,
    ui::{Text, Ui},
};
use tools::{Need, Source, TOOLS, Tool};

#[derive(Serialize)]
struct Document {
    tools: Vec<Row>,
    /// The command that brings what is missing.
    next: Option<String>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    #[serde(rename = "for")]
    need: Need,
    /// Null if it is missing.
    version: Option<String>,
    /// Why it does not do, if it does not.
    wrong: Option<String>,
}

pub(crate) fn doctor(repo: &Repo, args: &cli::Doctor, ui: &Ui) -> Result<()> {
    ui.step("looking for tools");
    let found: Vec<(&Tool, Row)> = super::runtime()?.block_on(async {
        let mut rows = Vec::new();
        for tool in TOOLS.iter().filter(|tool| CHECKS || tool.need != Need::Checks) {
            rows.push((tool, row(tool, tool.look(repo).await)));
        }
        rows
    });
    let missing: Vec<&Tool> =
        found.iter().filter(|(_, row)| row.wrong.is_some()).map(|(tool, _)| *tool).collect();
    let counts = |tool: &&&Tool| counts_all(args) || tool.need != Need::Checks;
    let next = mend(&missing);
    let bad = missing.iter().filter(counts).count();
    let rows: Vec<Row> = found.into_iter().map(|(_, row)| row).collect();
    let mut words: Vec<String> = rows.iter().map(line).collect();
    match &next {
        Some(next) if bad == 0 => words.push(format!("all is here but for checks: {next}")),
        Some(_) => {}
        None => words.push("all is here".into()),
    }
    ui.result(Text::lines(words), &Document { tools: rows, next: next.clone() });
    if bad == 0 {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().filter(counts).map(|tool| tool.name).collect();
    let error = Error::failed("looking at this machine", format!("it lacks {}", names.join(", ")));
    Err(error.next(next.unwrap_or_default()))
}

/// Whether this program has the verb `test`, so that what that needs is worth a line.
const CHECKS: bool = cfg!(feature = "checks");

#[cfg(feature = "checks")]
fn counts_all(args: &cli::Doctor) -> bool {
    args.checks
}

#[cfg(not(feature = "checks"))]
fn counts_all(_: &cli::Doctor) -> bool {
    false
}

fn row(tool: &Tool, look: std::result::Result<String, String>) -> Row {
    let (version, wrong) = match look {
        Ok(version) => (Some(version), None),
        Err(why) => (None, Some(why)),
    };
    Row { name: tool.name, need: tool.need, version, wrong }
}

fn line(row: &Row) -> String {
    let state = row.wrong.as_deref().or(row.version.as_deref()).unwrap_or_default();
    let mark = if row.wrong.is_some() { "lacks" } else { "has" };
    format!("{mark:<5}  {:<22}  {:<12}  {state}", row.name, row.need.words())
}

/// The commands that bring these tools.
fn mend(missing: &[&Tool]) -> Option<String> {
    let (mut roles, mut packages) = (Vec::new(), Vec::new());
    for tool in missing {
        match tool.source {
            Source::Role(role) if !roles.contains(&role) => roles.push(role),
            Source::Role(_) => {}
            Source::Package(package) => packages.push(package),
        }
    }
    let setup = (!roles.is_empty()).then(|| format!("`cargo xtask setup --tags {}`", roles.join(",")));
    let install = (!packages.is_empty()).then(|| format!("`sudo apt-get install {}`", packages.join(" ")));
    let commands: Vec<String> = setup.into_iter().chain(install).collect();
    (!commands.is_empty()).then(|| commands.join(", then "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> &'static Tool {
        TOOLS.iter().find(|tool| tool.name == name).unwrap()
    }

    #[test]
    fn who_misses_a_tool_names_the_same_command() {
        for (name, program) in [
            ("git", "git"),
            ("C compiler", "cc"),
            ("Rust", "rustc"),
            ("kind", "kind"),
            ("Docker Engine", "dockerd"),
        ] {
            let install = xtask_contract::tool::install(program).unwrap();
            assert_eq!(install, format!("{} installs it", mend(&[tool(name)]).unwrap()));
        }
    }

    #[test]
    fn one_command_of_each_kind_brings_all_that_is_missing() {
        let missing = ["git", "C compiler", "kind", "chromium", "age"].map(tool);
        let told = "`cargo xtask setup --tags base,kind`, then `sudo apt-get install chromium age`";
        assert_eq!(mend(&missing).as_deref(), Some(told));
        assert_eq!(mend(&[]), None);
    }
}
