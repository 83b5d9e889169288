//! What must make no difference to an image, and what must not reach the compiler, told by the tests' own service.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::elsewhere::CONFIGURATION;
use crate::support::{
    image::Image,
    tiny::{Tiny, UNWANTED},
};

#[test]
fn cargos_configuration_outside_of_the_repository_makes_no_difference() {
    let plain = Tiny::new().build(&[]).done();
    let tiny = Tiny::new();
    for folder in [tiny.home.join(".cargo"), tiny.around().join(".cargo")] {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("config.toml"), CONFIGURATION).unwrap();
    }
    let built = tiny.build(&[]).done();
    assert_eq!(built.text("digest"), plain.text("digest"));

    tiny.write(".cargo/config.toml", "[profile.release]\nopt-level = 's'\n");
    let revision = tiny.commit("The repository's own configuration");
    let own = tiny.build(&[]).done();
    assert_eq!(own.text("revision"), revision);
    assert_ne!(
        program(&tiny, &own.text("digest")),
        program(&tiny, &built.text("digest")),
        "it makes a difference"
    );
    assert_eq!(tiny.build(&["--verify"]).done().text("digest"), own.text("digest"));
}

#[test]
fn no_build_script_sees_a_secret_or_anything_else_of_the_callers_own() {
    let tiny = Tiny::new();
    let secrets = ["XTASK_AGE_IDENTITY", "XTASK_SIGNING_KEY", "XTASK_REGISTRY_PASSWORD", UNWANTED];
    let call = tiny.xtask(&["build", "--json"]);
    secrets.iter().fold(call, |call, name| call.env(name, "canary")).run().done();
}

#[test]
fn a_moved_checkout_whose_build_scripts_run_again_gives_the_same_image_with_no_trace_of_either_place() {
    let tiny = Tiny::new();
    let built = tiny.build(&[]).done();
    let first = tiny.around().to_owned();
    let tiny = tiny.moved();
    forget_that_build_scripts_ran(&tiny.target());
    fs::remove_dir_all(tiny.root.join("target")).unwrap();
    let again = tiny.build(&[]).done();
    assert_eq!(again.json()["reused"], false, "it was really compiled");
    assert_eq!(again.text("digest"), built.text("digest"));
    assert_eq!(again.text("sbom"), built.text("sbom"), "it lists the same");

    let image = Image::read(&tiny.repo(), &again.text("digest"));
    for folder in [&first, tiny.around()] {
        assert!(!image.holds(&folder.display().to_string()), "{} is in the image", folder.display());
    }
    for name in ["service/src/main.rs", "library/src/lib.rs", "/target/"] {
        assert!(image.holds(name), "panic messages still tell where: {name}");
    }
}

/// Has all packages with a build script compiled again, over the files that the scripts left: as after a change of the
/// compiler's flags.
fn forget_that_build_scripts_ran(target: &Path) {
    let targets = entries(target).into_iter().map(|target| target.join("release/.fingerprint"));
    let units: Vec<PathBuf> =
        targets.filter(|folder| folder.is_dir()).flat_map(|folder| entries(&folder)).collect();
    // A unit's folder is named after its package, with a hash behind a hyphen.
    let package = |unit: &Path| name(unit).rsplit_once('-').map(|(package, _)| package.to_owned());
    let ran = |unit: &Path| entries(unit).iter().any(|file| name(file).starts_with("run-build-script"));
    let scripted: BTreeSet<_> = units.iter().filter(|unit| ran(unit)).map(|unit| package(unit)).collect();
    assert!(!scripted.is_empty(), "no build script ever ran");
    for unit in units.iter().filter(|unit| scripted.contains(&package(unit))) {
        fs::remove_dir_all(unit).unwrap();
    }
}

fn program(tiny: &Tiny, image: &str) -> Vec<u8> {
    Image::read(&tiny.repo(), image).file("tiny").to_owned()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
