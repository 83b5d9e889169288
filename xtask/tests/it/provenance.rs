//! What is kept beside an image: what is in it, and how it was made.

use std::{collections::BTreeSet, fs, iter::repeat_with, process::Command};

use crate::support::{
    PATIENCE,
    checkout::Checkout,
    command::{Outcome, tool_home},
    git::git,
    image::holds,
    processes::Tree,
    template::shared_target,
    tiny::{Tiny, WAIT},
};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use xtask_contract::Digest;

#[test]
fn the_sbom_lists_just_what_is_linked_and_just_what_ran_to_compile_it() {
    let checkout = Checkout::built();
    let sbom = document(&checkout, &build(&checkout).text("sbom"));
    let listed = |scope: &str| -> BTreeSet<String> {
        let components = sbom["components"].as_array().unwrap().iter();
        components
            .filter(|component| component["scope"] == scope && component["type"] == "library")
            .filter_map(|component| Some(component["purl"].as_str()?.replace("%2B", "+")))
            .collect()
    };
    let linked = tree(&checkout, "normal,no-proc-macro");
    assert!(linked.len() > 50 && linked.iter().any(|purl| purl.starts_with("pkg:cargo/axum@")));
    assert_eq!(listed("required"), linked);
    let ran: BTreeSet<_> = tree(&checkout, "normal,build").difference(&linked).cloned().collect();
    assert!(ran.iter().any(|purl| purl.starts_with("pkg:cargo/serde_derive@")));
    assert_eq!(listed("excluded"), ran);
}

#[test]
fn the_sbom_is_about_this_service_and_hangs_together() {
    let checkout = Checkout::built();
    let sbom = document(&checkout, &build(&checkout).text("sbom"));
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&json!("CycloneDX"), &json!("1.6")));
    assert_eq!(sbom["metadata"]["component"]["name"], "todo-api");
    let components = sbom["components"].as_array().unwrap();
    for name in ["rust-std", "webpki-root-certs", "chassis"] {
        assert!(components.iter().any(|component| component["name"] == name), "{name}");
    }
    let service = std::iter::once(&sbom["metadata"]["component"]);
    let known: BTreeSet<_> = service.chain(components).map(|one| one["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(known.len(), components.len() + 1, "no name is given twice");
    let edges = sbom["dependencies"].as_array().unwrap();
    let from: BTreeSet<_> = edges.iter().map(|edge| edge["ref"].as_str().unwrap()).collect();
    let to = edges.iter().flat_map(|edge| edge["dependsOn"].as_array().unwrap());
    let mut to: BTreeSet<_> = to.map(|one| one.as_str().unwrap()).collect();
    assert_eq!(from, known);
    assert!(to.insert("todo-api@0.1.0"), "nothing depends on the service");
    assert_eq!(to, known, "all else is there because something needs it");
}

#[test]
fn the_provenance_is_that_of_this_image() {
    let checkout = Checkout::built();
    let built = build(&checkout);
    let statement = document(&checkout, &built.text("provenance"));
    let image = built.text("digest").replace("sha256:", "");
    assert_eq!(statement["subject"], json!([{ "name": "todo-api", "digest": { "sha256": image } }]));
    let definition = &statement["predicate"]["buildDefinition"];
    let parameters = json!({ "revision": built.text("revision"), "dirty": false });
    assert_eq!(definition["externalParameters"], parameters);
    let lock = fs::read(checkout.path("Cargo.lock")).unwrap();
    let lock = json!({ "name": "Cargo.lock", "digest": { "sha256": Digest::of(lock).hex() } });
    assert!(definition["resolvedDependencies"].as_array().unwrap().contains(&lock));
}

#[test]
fn nobody_and_no_machine_is_in_them() {
    let checkout = Checkout::built();
    let built = build(&checkout);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let folders = [
        checkout.around().to_owned(),
        shared_target(),
        tool_home("CARGO_HOME", ".cargo"),
        tool_home("RUSTUP_HOME", ".rustup"),
    ];
    let mut traces: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    traces.extend(Some(host.trim().to_owned()).filter(|host| host.len() > 8));
    for name in ["sbom", "provenance"] {
        let text = blob(&checkout, &built.text(name));
        for trace in &traces {
            assert!(!holds(&text, trace), "{trace} is in the {name}");
        }
    }
}

#[test]
fn a_scanner_of_the_layout_finds_them_by_their_subject() {
    let checkout = Checkout::built();
    let built = build(&checkout);
    let index = fs::read(checkout.path("target/xtask/images/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let listed = index["manifests"].as_array().unwrap();
    let image = listed.iter().find(|entry| entry["digest"] == built.text("digest")).unwrap();
    let mut found: Vec<(String, Value)> = Vec::new();
    for entry in listed {
        let manifest = blob(&checkout, entry["digest"].as_str().unwrap());
        assert_eq!(entry["size"], manifest.len());
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        if manifest["subject"]["digest"] == image["digest"] {
            assert_eq!(manifest["subject"]["size"], image["size"]);
            assert_eq!(manifest["artifactType"], entry["artifactType"]);
            assert_eq!(blob(&checkout, manifest["config"]["digest"].as_str().unwrap()), b"{}");
            found.push((
                entry["artifactType"].as_str().unwrap().into(),
                manifest["layers"][0]["digest"].clone(),
            ));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("application/vnd.cyclonedx+json".into(), built.text("sbom").into()),
        ("application/vnd.in-toto+json".into(), built.text("provenance").into()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_image_that_nobody_knows_cannot_be_verified() {
    let checkout = Checkout::fresh();
    checkout.xtask(["build", "--verify"]).run().refused("there is no build yet");
    let unknown = Digest::of("unknown").to_string();
    let outcome = checkout.xtask(["build", "--verify", &unknown]).run();
    outcome.refused("there is no build of").says("no release of any deploy has this image");
    checkout.xtask(["build", "--verify", "--allow-dirty"]).run().exits(2);
}

#[test]
fn a_released_image_is_verified_by_its_release_where_no_build_is_known() {
    let checkout = Checkout::released();
    let image = checkout.releases("local")[0].release.image.clone();
    fs::remove_dir_all(checkout.path("target/xtask")).unwrap();
    // A repository without the release's commit: the refusal names what the ledger says.
    fs::remove_dir_all(checkout.path(".git")).unwrap();
    git(&checkout.root).run(&["init", "--quiet"]);
    let digest = image.digest.to_string();
    let outcome = checkout.xtask(["build", "--verify", &digest]).run();
    outcome
        .refused("the repository does not have this commit")
        .says(&format!("git fetch origin {}", image.revision));
}

#[test]
fn ctrl_c_ends_a_verification_and_leaves_nothing() {
    let tiny = Tiny::new();
    tiny.build(&[]).done();
    let temporary = tiny.around().join("tmp");
    fs::create_dir(&temporary).unwrap();
    // The clone's build script waits for as long as this is there.
    fs::write(tiny.home.join(WAIT), "").unwrap();
    let mut verifying = tiny.xtask(&["build", "--verify"]).env("TMPDIR", &temporary).start();
    verifying.says("compiling the service");
    let mut trees = repeat_with(|| Tree::of(verifying.pid())).take(100_000);
    let waits =
        |tree: &Tree| tree.finds("build-script-build").filter(|_| tree.finds("cargo build").is_some());
    let (tree, script) =
        trees.find_map(|tree| waits(&tree).map(|script| (tree, script))).expect("it is compiled");
    // As the terminal does: to all at once.
    for process in [verifying.pid(), tree.find("cargo build"), script] {
        kill_process(process, Signal::INT).unwrap();
    }
    verifying.ends_within(PATIENCE).exits(1).says("cargo was stopped");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

fn build(checkout: &Checkout) -> Outcome {
    checkout.xtask(["build", "--json"]).run().done()
}

fn blob(checkout: &Checkout, digest: &str) -> Vec<u8> {
    fs::read(checkout.path("target/xtask/images/blobs/sha256").join(&digest["sha256:".len()..])).unwrap()
}

fn document(checkout: &Checkout, digest: &str) -> Value {
    serde_json::from_slice(&blob(checkout, digest)).unwrap()
}

/// The package URLs of the service's crates along these edges. Those of the workspace have none.
fn tree(checkout: &Checkout, edges: &str) -> BTreeSet<String> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--offline", "--package", "todo-api", "--edges", edges])
        .args(["--target", &target, "--prefix", "none", "--format", "{p}"])
        .current_dir(&checkout.root)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut crates: BTreeSet<String> = BTreeSet::new();
    let (ours, others): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.contains(" (/"));
    assert!(ours.iter().any(|line| line.starts_with("todo-api v")), "{ours:?}");
    for line in others {
        let (name, rest) = line.split_once(" v").unwrap();
        crates.insert(format!("pkg:cargo/{name}@{}", rest.split(' ').next().unwrap()));
    }
    crates
}
