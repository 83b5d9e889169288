//! V: a release never changes; running one compiles nothing and needs no source.

use std::{fs, os::unix::fs::PermissionsExt};

use xtask_contract::{Context, Result};

use super::{environment, observed};
use crate::{notes::Notes, stage::Stage, system};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if stage.is_in_use() {
        a_start_makes_nothing(stage, notes)?;
        releases_are_as_they_were(stage, notes)?;
        return two_releases_differ_in_config_alone(stage, notes);
    }
    let is_source = |path: &std::path::Path| path.extension().is_some_and(|ending| ending == "rs");
    let there = system::listing(stage.project.root()).doing(|| "looking for source")?;
    notes.check(
        !there.keys().any(|path| is_source(path)),
        "The deploy was started in a folder without source, with no compiler on its PATH.",
        ("source_at_hand", "There was source where the deploy was started."),
    );
    a_start_makes_nothing(stage, notes)?;
    an_edited_release_is_refused(stage, notes)?;
    two_releases_differ_in_config_alone(stage, notes)
}

/// All that a process is made of was there before it was released.
fn a_start_makes_nothing(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let Some(observed) = observed(stage, notes)? else { return Ok(()) };
    let programs: Vec<_> = observed.programs.iter().map(String::as_str).collect();
    notes.check(
        programs.is_empty(),
        "A process that starts executes nothing but its program.",
        (
            "compiles_at_start",
            format!("A process that starts executes other programs: {}", programs.join(", ")),
        ),
    );
    let strangers = observed.strangers(environment(stage)?.values());
    notes.check(
        strangers.is_empty(),
        "It connects to nobody that its config does not name.",
        (
            "fetches_at_start",
            format!(
                "A process that starts connects to addresses that no variable names: {}",
                strangers.join(", ")
            ),
        ),
    );
    Ok(())
}

fn an_edited_release_is_refused(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let id = stage.runs()?;
    let folder = stage.project.releases(stage.env).join(id.to_string());
    let manifest = folder.join("release.toml");
    let doing = || "editing a release";
    let text = crate::stage::read(&manifest)?;
    let [before, closed] = [&manifest, &folder].map(|path| fs::metadata(path).map(|meta| meta.permissions()));
    let (before, closed) = (before.doing(doing)?, closed.doing(doing)?);
    let put = |text: &str| {
        // Neither is meant to be written to, and who is not root cannot, as it is.
        let open = fs::Permissions::from_mode(0o755);
        let edited = fs::set_permissions(&folder, open)
            .and_then(|()| fs::remove_file(&manifest))
            .and_then(|()| fs::write(&manifest, text))
            .and_then(|()| fs::set_permissions(&manifest, before.clone()));
        edited.and_then(|()| fs::set_permissions(&folder, closed.clone())).doing(doing)
    };
    put(&format!("{text}\n# edited\n"))?;
    let env = stage.env.as_str();
    let refused = stage.toolchain.call(&["run", &id.to_string(), "--env", env], "")?;
    put(&text)?;
    let verified = stage.toolchain.call(&["releases", "verify", "--env", env], "")?;
    notes.check(
        refused.code == 3 && verified.code == 0,
        format!("The release {id} was edited, and `run` refused it; with the edit taken back, it verifies."),
        (
            "edited_release_runs",
            format!(
                "An edited release was not refused (exit code {}): {}",
                refused.code,
                refused.stderr.trim()
            ),
        ),
    );
    notes.command(format!("cargo xtask releases verify --env {env}"));
    Ok(())
}

/// By what `releases verify` proves: an edit is not tried on a ledger in use.
fn releases_are_as_they_were(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let verified = stage.toolchain.call(&["releases", "verify", "--env", stage.env.as_str()], "")?;
    notes.check(
        verified.code == 0,
        "No release of the deploy was changed after it was made.",
        ("edited_release", format!("The deploy's releases do not verify: {}", verified.stderr.trim())),
    );
    Ok(())
}

fn two_releases_differ_in_config_alone(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    let env = stage.env.as_str();
    let ids = stage.toolchain.document(&["releases", "--env", env])?;
    let image = stage.record.digest.to_string();
    let of_it = ids.as_array().into_iter().flatten().filter(|one| one["image"] == image.as_str()).count();
    let all = ids.as_array().map_or(0, Vec::len);
    if of_it < 2 {
        notes.not_shown("There is one release of this image so far: with `backing-services` there are more.");
    } else {
        notes.check(
            of_it == all || stage.is_in_use(),
            format!("There are {of_it} releases of this one image; they differ in config alone."),
            ("other_image", "The releases made meanwhile have different images."),
        );
    }
    notes.command(format!("cargo xtask releases diff --env {env}"));
    Ok(())
}
