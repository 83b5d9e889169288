//! The image is a function of the committed inputs: the same bits from other folders, for other users, under
//! other settings; and it holds nothing of the user who built it.

mod elsewhere;
mod hooks;
mod inputs;
mod naming;
mod reproducing;

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{
    checkout::Checkout,
    command::{PROGRAM, tool_home},
    git::git,
    image::{Image, holds},
    template::shared_target,
    tiny::Tiny,
};
use elsewhere::Elsewhere;
use xtask_contract::{
    Layout,
    image::{DIRTY, REVISION, SERVICE},
    referrers::{PROVENANCE, SBOM},
};

/// The one compile of the whole service beside the template's.
#[test]
fn a_clean_clone_gives_somebody_else_elsewhere_under_other_settings_the_same_image() {
    let here = Checkout::built();
    let built = here.xtask(["build", "--json"]).run().done();
    let there = Elsewhere::make();
    let verified = there.xtask(&["build", "--verify", "--json"]).done();
    assert_eq!(verified.text("digest"), built.text("digest"));
    assert_eq!(verified.text("revision"), built.text("revision"));
    assert_eq!(verified.json()["verified"], true);
    assert_eq!(fs::read_dir(there.temporary()).unwrap().count(), 0, "the clone was cleared away");
}

/// Nor can it hold anything of a user who verifies it: their build gave the same bits.
#[test]
fn the_image_holds_nothing_of_its_builder() {
    let checkout = Checkout::built();
    let built = checkout.xtask(["build", "--json"]).run().done();
    let image = Image::read(&checkout.repo(), &built.text("digest"));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let folders = [shared_target(), tool_home("CARGO_HOME", ".cargo"), tool_home("RUSTUP_HOME", ".rustup")];
    let mut traces: Vec<String> = folders.iter().map(|path| path.display().to_string()).collect();
    // A short name may be part of any word.
    traces.extend(Some(host.trim().to_owned()).filter(|host| host.len() > 8));
    for trace in traces {
        assert!(!image.holds(&trace), "{trace} is in the image");
    }
    assert!(image.holds("/cargo/registry/"), "panic messages still tell where in which dependency");
}

#[test]
fn what_is_missing_or_damaged_beside_an_image_is_mended() {
    let tiny = Tiny::new();
    let image = tiny.build(&[]).done().text("digest");
    let (layout, digest) = (Layout::at(tiny.repo().images()), image.parse().unwrap());
    let harm = |harm: &dyn Fn(&Path)| {
        let before = layout.referrers(&digest).unwrap();
        harm(&layout.blob_path(&before[0].document));
        let again = tiny.build(&[]).done();
        assert_eq!((again.text("digest"), again.json()["reused"].clone()), (image.clone(), false.into()));
        let after = layout.referrers(&digest).unwrap();
        let types: BTreeSet<_> = after.iter().map(|found| found.artifact_type.as_str()).collect();
        assert_eq!((after.len(), types), (2, BTreeSet::from([SBOM, PROVENANCE])));
        assert_eq!(tiny.build(&[]).done().json()["reused"], true);
    };
    harm(&|document| fs::remove_file(document).unwrap());
    harm(&|document| fs::write(document, "{}").unwrap());
}

#[test]
fn the_image_is_the_program_and_the_little_it_needs() {
    let checkout = Checkout::built();
    let built = checkout.xtask(["build", "--json"]).run().done();
    let image = Image::read(&checkout.repo(), &built.text("digest"));
    let entries: BTreeSet<_> =
        image.entries.iter().map(|entry| (entry.path.as_str(), entry.mode, entry.modified)).collect();
    let expected = [
        ("etc/", 0o755, 0),
        ("etc/group", 0o644, 0),
        ("etc/passwd", 0o644, 0),
        ("etc/ssl/", 0o755, 0),
        ("etc/ssl/certs/", 0o755, 0),
        ("etc/ssl/certs/ca-certificates.crt", 0o644, 0),
        ("tmp/", 0o1777, 0),
        ("todo-api", 0o755, 0),
    ];
    assert_eq!(entries, BTreeSet::from(expected));
    assert!(holds(image.file("etc/passwd"), "nonroot:x:65532:65532:"));
    assert!(holds(image.file("etc/ssl/certs/ca-certificates.crt"), "-----BEGIN CERTIFICATE-----"));
    assert!(is_static(image.file("todo-api")), "the program asks for a dynamic loader");
    assert!(!is_static(&fs::read(PROGRAM).unwrap()), "the check itself can fail");
}

#[test]
fn the_configuration_says_how_to_start_it_and_what_it_is() {
    let checkout = Checkout::built();
    let built = checkout.xtask(["build", "--json"]).run().done();
    let image = Image::read(&checkout.repo(), &built.text("digest"));
    let how = &image.config.config;
    assert_eq!((how.user.as_str(), how.working_dir.as_str()), ("65532:65532", "/"));
    assert_eq!(how.entrypoint, ["/todo-api"]);
    assert_eq!(how.labels[REVISION], last_input_commit(&checkout.root));
    assert!(!how.labels.contains_key(DIRTY));
    let service: serde_json::Value = serde_json::from_str(&how.labels[SERVICE]).unwrap();
    assert_eq!(service["service"], "todo-api");
    assert_eq!(
        (built.text("revision"), built.json()["dirty"].clone()),
        (how.labels[REVISION].clone(), false.into())
    );
    let size: usize = image.blobs[1..].iter().map(Vec::len).sum();
    assert_eq!(built.json()["size"], size, "the size is that of configuration and layers");
}

#[test]
fn what_was_built_is_not_built_again() {
    let checkout = Checkout::built();
    let first = checkout.xtask(["build", "--json"]).run().done();
    assert_eq!(first.json()["reused"], true);
    assert_eq!(first.json()["elapsed_ms"]["compile"], 0);
    assert_eq!(checkout.path(&first.text("record")).extension().unwrap(), "toml");

    fs::write(checkout.path("README.md"), "about something else\n").unwrap();
    fs::write(checkout.path("k8s/envs/test.toml"), "schema = 1\ntarget.kind = \"local\"\n").unwrap();
    checkout.commit_all("Nothing that goes into an image");
    let second = checkout.xtask(["build", "--json"]).run().done();
    assert_eq!(second.json()["reused"], true);
    assert_eq!(second.text("digest"), first.text("digest"));
}

#[test]
fn no_container_engine_is_needed() {
    let checkout = Checkout::built();
    let outcome = checkout.xtask(["build", "--json"]).run().done().says("no Docker Engine answers");
    assert_eq!(outcome.json()["engine"], false);
}

#[test]
fn a_damaged_image_is_noticed_and_not_released() {
    let checkout = Checkout::built();
    let digest = checkout.xtask(["build", "--json"]).run().done().text("digest");
    let blob = checkout.path("target/xtask/images/blobs/sha256").join(digest.trim_start_matches("sha256:"));
    fs::write(&blob, "{}").unwrap();
    checkout.xtask(["release", "--env", "local"]).run().refused("its content is not what its digest says");
}

#[test]
fn an_image_of_uncommitted_inputs_is_marked_and_another_one() {
    let tiny = Tiny::new();
    let built = tiny.build(&[]).done();
    // Not read by the compiler: only the mark and the record differ.
    tiny.write("service/NOTES", "not committed");
    tiny.build(&[]).exits(3).says("new: service/NOTES");
    let dirty = tiny.build(&["--allow-dirty"]).done();
    fs::remove_file(tiny.root.join("service/NOTES")).unwrap();
    assert_eq!(dirty.json()["dirty"], true);
    let verify = ["--verify", &dirty.text("digest")];
    tiny.build(&verify).refused("built with uncommitted changes").says("next: commit the changes");
    assert_ne!(dirty.text("digest"), built.text("digest"));
    assert_eq!(Image::read(&tiny.repo(), &dirty.text("digest")).config.config.labels[DIRTY], "true");

    let clean = tiny.build(&[]).done();
    assert_eq!(clean.text("digest"), built.text("digest"));
    assert_eq!(clean.json()["reused"], true);
}

/// The last commit that touched an input of the build.
fn last_input_commit(root: &Path) -> String {
    let command = "log -1 --format=%H -- todo-api chassis Cargo.toml Cargo.lock rust-toolchain.toml .cargo";
    git(root).run(&command.split(' ').collect::<Vec<_>>())
}

/// Whether an ELF program asks for no interpreter: none of its program headers is `PT_INTERP`.
fn is_static(program: &[u8]) -> bool {
    const PT_INTERP: usize = 3;
    assert_eq!(&program[..6], b"\x7fELF\x02\x01", "a little-endian 64-bit ELF file");
    let number = |at: usize, bytes: usize| {
        program[at..at + bytes].iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!(count > 0, "it has program headers");
    (0..count).all(|header| number(table + header * size, 4) != PT_INTERP)
}
