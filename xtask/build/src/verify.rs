//! Whether an image is what its source says: it is built again from a clean clone, and must come out the same.

use std::time::Instant;

use xtask_contract::{BuildRecord, Digest, Error, Layout, Progress, Repo, Result};

use crate::{
    Elapsed,
    clone::CleanClone,
    compile::Cargo,
    difference::{Found, differences},
    key, make_image, millis,
    source::{Compile, Source},
    toolchain::{Chooser, Toolchain},
};

/// What is said of an image: that it was built from this.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The image.
    pub image: Digest,
    /// The commit that it was built from.
    pub revision: String,
    /// Whether inputs differed from that commit.
    pub dirty: bool,
    /// What else is known of an image that was built on this machine.
    pub made: Option<Made>,
}

/// How an image was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The digest of all that went into the build: inputs, toolchain and recipe.
    pub inputs: Digest,
    /// The toolchain, one program or library a line.
    pub toolchain: Vec<String>,
}

impl From<BuildRecord> for Claim {
    fn from(record: BuildRecord) -> Self {
        let BuildRecord { digest: image, revision, dirty, inputs, toolchain, .. } = record;
        Self { image, revision, dirty, made: Some(Made { inputs, toolchain }) }
    }
}

/// The name by which programs know that the image came out another one.
const ANOTHER_IMAGE: &str = "another_image";
/// At most this many differences are told.
const TOLD: usize = 8;

/// Builds an image again, from a clean clone of the repository and with nothing that was compiled before, and
/// fails unless it comes out the same. Nothing of this is left.
pub fn verify(repo: &Repo, claim: &Claim, progress: &dyn Progress) -> Result<Elapsed> {
    let doing = format!("verifying the image {}", claim.image);
    if claim.dirty {
        let why = "it was built with uncommitted changes, and only what is committed can be built again";
        return Err(Error::refused(doing, why)
            .next("commit the changes, run `cargo xtask build`, and verify the image that comes of it"));
    }
    progress.step("cloning the source");
    let started = Instant::now();
    let clone = CleanClone::of(repo, &claim.revision)?;
    let toolchain = Toolchain::of_this_machine(&clone.repo, Chooser::Checkout)?;
    let layout = Layout::at(clone.repo.images());
    let cargo = Cargo::of_checkout(&clone.repo, &toolchain.target)?;
    let source = Source::of(&clone.repo, &cargo, false)?;
    let mut elapsed = Elapsed { inputs: millis(started), ..Elapsed::default() };
    let Compile { source, .. } = source.compile(&cargo, &mut elapsed, progress)?;
    let image = make_image(&clone.repo, &layout, &source.inputs, &cargo, &mut elapsed, progress)?;
    if image.digest == claim.image {
        return Ok(elapsed);
    }

    let mut why = vec![format!("a clean clone of {} gives {}", claim.revision, image.digest)];
    if let Some(made) = &claim.made {
        let tools = tools(&made.toolchain, &toolchain.lines);
        if tools.is_empty() && made.inputs != key(&source.inputs, &toolchain) {
            why.push("the inputs or this toolchain's way to make images are others than recorded".into());
        }
        why.extend(tools);
    }
    let recorded = Found { layout: &Layout::at(repo.images()), image: &claim.image };
    match differences(recorded, Found { layout: &layout, image: &image.digest }) {
        Ok(differences) => why.extend(told(differences)),
        Err(error) => {
            why.push(format!(
                "in what they differ cannot be told: {}: {}",
                error.doing,
                error.why.join("; ")
            ));
        }
    }
    let cause = Some(ANOTHER_IMAGE.to_owned());
    Err(Error { why, cause, ..Error::failed(doing, "") }.next(
        "do not trust the image unless a difference above explains it; if the toolchain does, verify it on a machine \
         with the recorded one",
    ))
}

/// The lines by which two toolchains differ.
fn tools(recorded: &[String], rebuilt: &[String]) -> Vec<String> {
    let missing = |from: &[String], all: &[String]| -> Vec<String> {
        from.iter().filter(|line| !all.contains(line)).cloned().collect()
    };
    let then = missing(recorded, rebuilt).into_iter().map(|line| format!("toolchain then: {line}"));
    then.chain(missing(rebuilt, recorded).into_iter().map(|line| format!("toolchain now: {line}"))).collect()
}

fn told(mut differences: Vec<String>) -> Vec<String> {
    let more = differences.len().saturating_sub(TOLD);
    differences.truncate(TOLD);
    differences.extend((more > 0).then(|| format!("… and {more} more differences")));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_by_which_toolchains_differ_are_told() {
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let (then, now) = (lines("rustc 1\ncc: 12\nld: 2"), lines("rustc 1\ncc: 13\nld: 2"));
        assert_eq!(tools(&then, &now), ["toolchain then: cc: 12", "toolchain now: cc: 13"]);
        assert_eq!(tools(&then, &then), Vec::<String>::new());
    }

    #[test]
    fn a_dirty_image_is_refused_before_anything_is_done() {
        struct Silent;
        impl Progress for Silent {
            fn step(&self, what: &str) {
                panic!("{what} was begun");
            }
            fn detail(&self, _: &str) {}
            fn note(&self, _: &str) {}
            fn line(&self, _: &str, _: &str) {}
        }
        let claim = Claim { image: Digest::of(""), revision: "HEAD".into(), dirty: true, made: None };
        let error = verify(&Repo::at("/nowhere"), &claim, &Silent).unwrap_err();
        assert_eq!(error.kind, xtask_contract::ErrorKind::Refused);
    }
}
