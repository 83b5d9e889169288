//! II: the program works in a root folder that holds the image's files and nothing else.

use xtask_contract::{Context, Result};

use super::{READY, can_be_alone, environment, observed};
use crate::{notes::Notes, stage::Stage, traffic};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if !can_be_alone(stage, notes) {
        return crates(stage, notes);
    }
    let mut process = stage.root.start(stage.web()?, &environment(stage)?)?;
    match process.ready(stage.readiness(), READY) {
        Ok(took) => notes.saw(format!(
            "In a root folder with the image's files alone, and no PATH, it is ready after {} ms.",
            took.as_millis()
        )),
        Err(error) => {
            notes.broken(
                "needs_the_system",
                format!("In a root folder with the image's files alone: {error}"),
            );
            return Ok(());
        }
    }
    if let Some(example) = &stage.service.example {
        let written = traffic::write(process.address(), example, &stage.text(), &[]);
        notes.check(
            matches!(written, Ok((_, Some(_)))),
            "It does its work there: what it is told is stored.",
            ("needs_the_system", format!("There, what it is told is not stored: {written:?}")),
        );
    }
    let mapped = process.process().mapped().doing(|| "looking at what is mapped")?;
    let own = format!("/{}", stage.service.service);
    let others: Vec<String> = mapped.into_iter().filter(|path| !path.ends_with(&own)).collect();
    notes.check(
        others.is_empty(),
        "Nothing is mapped into its memory but its own program: no library is linked.",
        ("linked_library", format!("It is linked to files of the system: {}", others.join(", "))),
    );
    drop(process);
    asks_for_nothing_else(stage, notes)?;
    notes.command("cargo xtask build --json   # its `sbom` names each crate in the image");
    crates(stage, notes)
}

/// What it asks the system for, whether or not it is there.
fn asks_for_nothing_else(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let Some(observed) = observed(stage, notes)? else { return Ok(()) };
    let outside = observed.outside(stage.root.folder());
    notes.check(
        outside.is_empty(),
        format!(
            "From its start until it has done its work it asked for {} files, all of its image, of the kernel, or of what each \
             container has.",
            observed.files.len()
        ),
        (
            "looks_at_the_system",
            format!("It looks for files that its image has not: {}", outside.join(", ")),
        ),
    );
    let programs: Vec<_> = observed.programs.iter().map(String::as_str).collect();
    notes.check(
        programs.is_empty(),
        "It has asked for no other program.",
        ("calls_programs", format!("It calls other programs: {}", programs.join(", "))),
    );
    Ok(())
}

/// The crates that the image says it is made of, held against the lock file.
fn crates(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let sbom = stage.layout.blob_path(&stage.record.sbom);
    let sbom: serde_json::Value = serde_json::from_slice(&std::fs::read(&sbom).doing(|| "reading the SBOM")?)
        .doing(|| "reading the SBOM")?;
    let lock = crate::stage::read(&stage.repo.root().join("Cargo.lock"))?;
    let lock: toml::Table = toml::from_str(&lock).doing(|| "reading Cargo.lock")?;
    let locked: Vec<(&str, &str)> = lock["package"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one.get("name")?.as_str()?, one.get("version")?.as_str()?)))
        .collect();
    let components = sbom["components"].as_array().cloned().unwrap_or_default();
    let named = |one: &serde_json::Value| {
        Some((one["name"].as_str()?.to_owned(), one["version"].as_str()?.to_owned()))
    };
    // What the image has of authorities comes from a crate that is none of the program's.
    let is_crate = |one: &&serde_json::Value| {
        one["type"] == "library" && one["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/"))
    };
    let crates: Vec<_> = components.iter().filter(is_crate).filter_map(named).collect();
    let unknown: Vec<String> = crates
        .iter()
        .filter(|(name, version)| !locked.contains(&(name.as_str(), version.as_str())))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    notes.check(
        unknown.is_empty(),
        format!(
            "The image's SBOM names {} crates of others, each with the version of Cargo.lock.",
            crates.len()
        ),
        ("not_locked", format!("Cargo.lock has not these crates of the image: {}", unknown.join(", "))),
    );
    Ok(())
}
