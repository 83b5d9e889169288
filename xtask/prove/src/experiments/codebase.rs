//! I: the image's revision is in this repository, and building it again gives the same digest.

use std::process::Command;

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
    match build(stage)? {
        Ok(seen) => {
            notes.saw(seen);
            let text = format!("{remembered}{digest}\n");
            durable::replace(&known, text.as_bytes(), 0o644).doing(|| "noting what was built again")
        }
        Err(why) => {
            notes.broken("other_bits", why);
            Ok(())
        }
    }
}

fn build(stage: &Stage<'_>) -> Result<std::result::Result<String, String>> {
    stage.progress.step("building the image again from a clean clone");
    let called = stage.of_the_project(&["build", "--verify", &stage.record.digest.to_string()])?;
    Ok(if called.code == 0 {
        Ok("Built again from a clean clone, it has the same digest.".to_owned())
    } else {
        Err(format!("Built again from a clean clone, it is another image: {}", called.stderr.trim()))
    })
}

/// Whether git did what it was asked for, and what it said.
pub(super) fn git(stage: &Stage<'_>, args: &[&str]) -> Result<(bool, String)> {
    let mut git: Command = Callee::Git.command("git");
    let output = git.args(args).current_dir(stage.repo.root()).output().doing(|| "asking git")?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}
