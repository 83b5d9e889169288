//! I: the image's revision is in this repository, and building it again gives the same digest.

use std::process::Command;

use serde_json::Value;
use xtask_contract::{Callee, Context, Digest, Result, durable};

use crate::{notes::Notes, stage::Stage};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let record = &stage.record;
    let revision = &record.revision;
    let found = git(stage, &["cat-file", "-e", &format!("{revision}^{{commit}}")])?.0;
    notes.check(
        found,
        format!("The image says that it was built from the commit {revision}, which is in this repository."),
        (
            "unknown_revision",
            format!(
                "The image says that it was built from {revision}, which is no commit of this repository."
            ),
        ),
    );
    notes.command(format!("git show --stat {revision}"));
    if record.dirty {
        notes.not_shown(
            "It was built from a work tree with uncommitted changes: nobody else can build it again.",
        );
        return Ok(());
    }
    if found {
        built_again(stage, notes)?;
    }
    Ok(())
}

/// What was built again once need not be built again.
fn built_again(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let digest = &stage.record.digest;
    let known = stage.repo.rebuildable().join("built-again");
    let remembered = std::fs::read_to_string(&known).unwrap_or_default();
    let command = format!("cargo xtask build --verify {digest}");
    notes.command(command.clone());
    if remembered.lines().any(|line| line.parse::<Digest>().as_ref() == Ok(digest)) {
        notes.saw("It was built again from a clean clone once before, with the same digest.");
        return Ok(());
    }
    stage.progress.step("building the image again from a clean clone");
    let called = stage.of_the_project(&["build", "--verify", &digest.to_string(), "--json"])?;
    if called.code == 0 {
        notes.saw("Built again from a clean clone, it has the same digest.");
        let text = format!("{remembered}{digest}\n");
        return durable::replace(&known, text.as_bytes(), 0o644).doing(|| "noting what was built again");
    }
    let said = called.stderr.trim();
    if is_another_image(&called.stdout) {
        notes.broken("other_bits", format!("Built again from a clean clone, it is another image: {said}"));
    } else {
        notes.not_shown(format!("It could not be built again on this machine: {said}"));
    }
    Ok(())
}

/// Whether a build that has failed gave other bits, or none.
fn is_another_image(said: &str) -> bool {
    let said: Option<Value> = serde_json::from_str(said).ok();
    said.is_some_and(|said| said["error"]["cause"] == "another_image")
}

/// Whether git did what it was asked for, and what it said.
pub(super) fn git(stage: &Stage<'_>, args: &[&str]) -> Result<(bool, String)> {
    let mut git: Command = Callee::Git.command("git");
    let output = git.args(args).current_dir(stage.repo.root()).output().doing(|| "asking git")?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_was_not_possible_says_nothing_of_the_image() {
        let said = |cause: &str| format!(r#"{{"error":{{"exit":1,"cause":{cause},"doing":"verifying"}}}}"#);
        assert!(is_another_image(&said("\"another_image\"")));
        assert!(!is_another_image(&said("null")) && !is_another_image(""));
    }
}
